import { Trans, useLingui } from '@lingui/react/macro';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import { useQuery } from 'urql';
import { JobItemRowFragmentDoc, JobItemsDocument, unmask, type JobItemRowFragment } from '../graphql/generated/index.ts';
import { Answer } from '../ui/Answer.tsx';
import { Chip } from '../ui/Chip.tsx';
import { Choice } from '../ui/Choice.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';
import { Pager } from '../ui/Pager.tsx';
import { Table, type Column } from '../ui/Table.tsx';
import { moment, number } from '../words/format.ts';
import { useFollowing } from './following.ts';
import { ITEM_STATES, type JobSearch } from './search.ts';
import { codeWords, itemStateTones, itemStateWords } from './words.ts';

const PAGE = 50;

/** What became of each patron of a job, and why; follows the job's version. */
export function JobItems({ jobId, version }: { jobId: string; version: number }) {
  const { t, i18n } = useLingui();
  const search = useSearch({ from: '/shell/jobs/$id' });
  const navigate = useNavigate({ from: '/jobs/$id' });
  const go = (change: JobSearch) => void navigate({ search: { ...search, after: undefined, ...change }, resetScroll: false });
  const [state, again] = useQuery({
    query: JobItemsDocument,
    variables: { id: jobId, first: PAGE, after: search.after ?? null, state: search.of ?? null },
  });
  useFollowing(version, again);
  const columns = useItemColumns();
  const query = search.of ? `?state=${search.of}` : '';

  return (
    <section className="answer" aria-label={t`Patron by patron`}>
      <div className="bar end">
        <h2><Trans>Patron by patron</Trans></h2>
        <Choice inline label={t`Shown`} value={search.of ?? ''} onChange={(of) => go({ of: of || undefined })}
                options={[{ id: '', label: t`All` }, ...ITEM_STATES.map((id) => ({ id, label: i18n._(itemStateWords[id]) }))]} />
        <a className="button plain no-print" href={`/jobs/${jobId}/items.csv${query}`} download><Trans>Save as CSV</Trans></a>
      </div>
      <Answer state={{ ...state, stale: false }} retry={again}>
        {({ job }) => {
          const items = job?.items;
          const rows = (items?.edges ?? []).map(({ node }) => unmask(JobItemRowFragmentDoc, node));
          if (!items || rows.length === 0) return <EmptyState title={t`No patron here.`} />;
          return (
            <>
              <Table label={t`Patron by patron`} columns={columns} rows={rows} idOf={idOf} />
              <div className="bar end">
                <Pager hasNext={items.pageInfo.hasNextPage} isFirst={!items.pageInfo.hasPreviousPage}
                       onFirst={() => go({})} onNext={() => go({ after: items.pageInfo.endCursor ?? undefined })}>
                  <Trans>{number(items.totalCount)} in all</Trans>
                </Pager>
              </div>
            </>
          );
        }}
      </Answer>
    </section>
  );
}

function idOf(row: JobItemRowFragment): string {
  return row.id;
}

function useItemColumns(): readonly Column<JobItemRowFragment>[] {
  const { t, i18n } = useLingui();
  return useMemo(
    () => [
      { id: 'patron', head: t`Patron`, cell: (row) => <Who row={row} /> },
      { id: 'barcode', head: t`Barcode`, cell: (row) => row.patron?.barcode && <span className="mono">{row.patron.barcode}</span> },
      {
        id: 'state', head: t`Result`,
        cell: (row) => <Chip tone={itemStateTones[row.state]}>{i18n._(itemStateWords[row.state])}</Chip>,
      },
      { id: 'why', head: t`Why`, cell: (row) => <Why row={row} /> },
      { id: 'when', head: t`When`, cell: (row) => moment(row.finishedAt) },
    ],
    // The words change with the language.
    [t, i18n, i18n.locale],
  );
}

function Who({ row }: { row: JobItemRowFragment }) {
  if (!row.patron) return <span className="soft mono">{row.patronId}</span>;
  return <Link to="/patrons/$id" params={{ id: row.patron.id }}>{row.patron.displayName}</Link>;
}

function Why({ row }: { row: JobItemRowFragment }) {
  const { i18n } = useLingui();
  if (row.codes.length === 0 && !row.reason) return null;
  return (
    <span className="why">
      {row.codes.map((code) => <span key={code}>{codeWords[code] ? i18n._(codeWords[code]) : code}</span>)}
      {row.reason && <span><Trans>An error; the log has it as <span className="mono">{row.reason}</span>.</Trans></span>}
    </span>
  );
}
