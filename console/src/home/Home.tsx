import { Trans, useLingui } from '@lingui/react/macro';
import { PatronSearchBox } from '../patrons/PatronSearchBox.tsx';
import { Can } from '../session/session.tsx';
import { Page } from '../ui/Page.tsx';
import { RunningJobs } from './RunningJobs.tsx';

export default function Home() {
  const { t } = useLingui();
  return (
    <Page title={t`Find a patron`} keepFocus>
      <Can permission="PATRONS_VIEW" otherwise={<p><Trans>You may not see patrons.</Trans></p>}>
        <PatronSearchBox q="" autoFocus />
        <RunningJobs />
      </Can>
    </Page>
  );
}
