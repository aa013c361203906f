import { Trans, useLingui } from '@lingui/react/macro';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { Answer } from '../ui/Answer.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';
import { Page } from '../ui/Page.tsx';
import { moment } from '../words/format.ts';
import { ImportReport } from './ImportReport.tsx';
import './imports.css';
import { useImport } from './live.ts';

export default function ImportPage() {
  const { t } = useLingui();
  const { id } = useParams({ from: '/shell/imports/$id' });
  const { after } = useSearch({ from: '/shell/imports/$id' });
  const navigate = useNavigate({ from: '/imports/$id' });
  const { state, again, job, report } = useImport(id);

  return (
    <Page title={job ? t`Import · ${moment(job.createdAt)}` : t`Import`}>
      <Answer state={{ ...state, stale: false }} retry={again}>
        {() => (job && report ? (
          <ImportReport job={job} report={report} after={after}
                        onAfter={(next) => void navigate({ search: { after: next }, resetScroll: false })} />
        ) : (
          <EmptyState title={t`There is no such import.`}>
            <Trans>Your library has no import with this number. <Link to="/imports/new">Import a file</Link></Trans>
          </EmptyState>
        ))}
      </Answer>
    </Page>
  );
}
