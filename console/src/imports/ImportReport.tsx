import { Trans, useLingui } from '@lingui/react/macro';
import { Link } from '@tanstack/react-router';
import { useMemo, type ReactNode } from 'react';
import { useQuery } from 'urql';
import {
  ImportRejectionsDocument, type ImportCountsFragment, type ImportRejectionsQuery, type JobDetailFragment,
} from '../graphql/generated/index.ts';
import { useFollowing } from '../jobs/following.ts';
import { JobCard } from '../jobs/JobPage.tsx';
import { isUnderWay } from '../jobs/search.ts';
import { useMay } from '../session/session.tsx';
import { Answer } from '../ui/Answer.tsx';
import { Pager } from '../ui/Pager.tsx';
import { Table, type Column } from '../ui/Table.tsx';
import { number } from '../words/format.ts';
import { noteText } from './notes.ts';
import { fieldWords, rejectionText, rejectionWords } from './words.ts';

type Report = NonNullable<ImportCountsFragment['import']>;
type Rejections = NonNullable<NonNullable<NonNullable<ImportRejectionsQuery['job']>['import']>['rejections']>;
type Rejection = Rejections['edges'][number];

const PAGE = 50;

/** What an import does or, as a preview, would do, live; and every row that was not applied. `children`: what can be done with it. */
export function ImportReport({ job, report, after, onAfter, children }: {
  job: JobDetailFragment;
  report: Report;
  after: string | undefined;
  onAfter(after: string | undefined): void;
  children?: ReactNode;
}) {
  return (
    <>
      {report.dryRun && <p className="notice"><strong><Trans>A preview: nothing is changed.</Trans></strong></p>}
      <JobCard job={job}>
        <div><dt><Trans>New</Trans></dt><dd>{number(report.created)}</dd></div>
        <div><dt><Trans>Changed</Trans></dt><dd>{number(report.updated)}</dd></div>
        <div><dt><Trans>Deactivated</Trans></dt><dd>{number(report.deactivated)}</dd></div>
        <div><dt><Trans>Active again</Trans></dt><dd>{number(report.reactivated)}</dd></div>
        <div><dt><Trans>As before</Trans></dt><dd>{number(report.unchanged)}</dd></div>
        <div><dt><Trans>Rejected</Trans></dt><dd>{number(report.rejected)}</dd></div>
      </JobCard>
      {report.deactivateMissing && <Missing report={report} />}
      {children}
      <AboutFile report={report} />
      {report.rejected > 0 && <RejectedRows job={job} report={report} after={after} onAfter={onAfter} />}
      {report.rejected === 0 && !isUnderWay(job.state) && (
        <p className="notice good"><Trans>No row was rejected.</Trans></p>
      )}
    </>
  );
}

function Missing({ report }: { report: Report }) {
  const percent = number(100 * report.maximumMissingShare, 1);
  return (
    <p className={report.missingState === 'TOO_MANY' || report.missingState === 'ROWS_REJECTED' ? 'notice warn' : 'notice'}>
      <strong>
        <Trans>Not in the file: {number(report.missing)} of {number(report.missingConsidered)} active patrons.</Trans>
      </strong>
      {report.missingState === 'PLANNED' && <Trans>They are deactivated after the rows.</Trans>}
      {report.missingState === 'DONE' && <Trans>Deactivated for it: {number(report.missingDeactivated)}</Trans>}
      {report.missingState === 'TOO_MANY' && (
        <Trans>That is more than {percent} %, so they are left alone until the number is confirmed.</Trans>
      )}
      {report.missingState === 'ROWS_REJECTED' && (
        <Trans>Rows were rejected, and their patrons only seem to be missing, so all of them are left alone.</Trans>
      )}
    </p>
  );
}

function AboutFile({ report }: { report: Report }) {
  const { i18n } = useLingui();
  return (
    <section className="card" aria-labelledby="about-file">
      <header><h2 id="about-file"><Trans>The file</Trans></h2></header>
      {report.warnings.length > 0 && (
        <div className="notice warn">
          <ul>
            {report.notes.map((one, at) => <li key={at}>{noteText(one, report.rows)}</li>)}
            {/* A report of an earlier version has sentences only. */}
            {report.warnings.slice(report.notes.length).map((one) => <li key={one} lang="en">{one}</li>)}
          </ul>
        </div>
      )}
      <dl className="facts">
        <dt><Trans>Rows</Trans></dt>
        <dd>{number(report.rows)}</dd>
        <dt><Trans>Read as</Trans></dt>
        <dd>{report.encoding}</dd>
        <dt><Trans>Columns</Trans></dt>
        <dd>
          <ul className="plain-list">
            {report.columns.map((one) => <li key={one.name}><span className="mono">{one.name}</span> → {i18n._(fieldWords[one.field])}</li>)}
          </ul>
        </dd>
      </dl>
    </section>
  );
}

function RejectedRows({ job, report, after, onAfter }: {
  job: JobDetailFragment;
  report: Report;
  after: string | undefined;
  onAfter(after: string | undefined): void;
}) {
  const { t } = useLingui();
  const mayView = useMay('PATRONS_VIEW');
  const [state, again] = useQuery({
    query: ImportRejectionsDocument,
    variables: { id: job.id, first: PAGE, after: after ?? null, mayView },
  });
  useFollowing(job.version, again);
  const columns = useRejectionColumns(report);

  return (
    <section className="answer" aria-label={t`Rejected rows`}>
      <div className="bar end">
        <h2><Trans>Rejected rows</Trans></h2>
        <a className="button plain no-print" href={`/jobs/${job.id}/rejected.csv`} download><Trans>Save as CSV</Trans></a>
        <span className="hint"><Trans>Mend the saved rows and import them again.</Trans></span>
      </div>
      <Answer state={{ ...state, stale: false }} retry={again}>
        {({ job: found }) => {
          const rejections = found?.import?.rejections;
          if (!rejections) return null;
          return (
            <>
              <Table label={t`Rejected rows`} columns={columns} rows={rejections.edges} idOf={idOf} />
              <Pager hasNext={rejections.pageInfo.hasNextPage} isFirst={!rejections.pageInfo.hasPreviousPage}
                     onFirst={() => onAfter(undefined)} onNext={() => onAfter(rejections.pageInfo.endCursor ?? undefined)}>
                <Trans>{number(rejections.totalCount)} in all</Trans>
              </Pager>
            </>
          );
        }}
      </Answer>
    </section>
  );
}

function idOf(row: Rejection): string {
  return row.cursor;
}

/** Each thing that is wrong; the server's English sentence only where it alone has the particulars. */
function Explanation({ row: { code, message, problems }, report }: { row: Rejection['node']; report: Pick<Report, 'columns' | 'format'> }) {
  const { i18n } = useLingui();
  const isEnglish = i18n.locale === 'en';
  const isInWords = code === 'FAILED' || (isEnglish && problems.some((one) => one.reason === 'WRONG_KIND' || one.reason === 'ENCODING'));
  return (
    <>
      <ul className="wrongs">
        {problems.map((one, at) => (
          <li key={at}>
            {problems.length > 1 && one.column && <><span className="mono">{one.column}</span>: </>}
            {rejectionText(one, report.columns.find(({ name }) => name === one.column)?.field, report.format)}
          </li>
        ))}
      </ul>
      {isInWords && <span className="soft" lang="en">{message}</span>}
    </>
  );
}

function useRejectionColumns(report: Report): readonly Column<Rejection>[] {
  const { t, i18n } = useLingui();
  return useMemo(
    () => [
      { id: 'line', head: t`Line`, isNumber: true, cell: ({ node }) => (node.line === null ? '–' : number(node.line)) },
      { id: 'why', head: t`Why`, cell: ({ node }) => i18n._(rejectionWords[node.code]) },
      { id: 'column', head: t`Column`, cell: ({ node }) => node.column && <span className="mono">{node.column}</span> },
      { id: 'message', head: t`Explanation`, cell: ({ node }) => <Explanation row={node} report={report} /> },
      {
        id: 'patron', head: t`Patron`,
        cell: ({ node }) => node.patron && <Link to="/patrons/$id" params={{ id: node.patron.id }}>{node.patron.displayName}</Link>,
      },
    ],
    // The words change with the language.
    [t, i18n, i18n.locale, report.columns, report.format],
  );
}
