import { Trans, useLingui } from '@lingui/react/macro';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import { useQuery } from 'urql';
import {
  JobChangesDocument, JobRowFragmentDoc, JobsDocument, unmask, type JobChangesSubscription, type JobRowFragment,
} from '../graphql/generated/index.ts';
import { Answer } from '../ui/Answer.tsx';
import { Chip } from '../ui/Chip.tsx';
import { Choice } from '../ui/Choice.tsx';
import { CsvButton } from '../ui/CsvButton.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';
import { Page } from '../ui/Page.tsx';
import { Pager } from '../ui/Pager.tsx';
import { Table, type Column } from '../ui/Table.tsx';
import { moment, number } from '../words/format.ts';
import './jobs.css';
import { JobLink } from './JobLink.tsx';
import { isOff } from './live.ts';
import { KINDS, STATES, type JobsSearch } from './search.ts';
import { useListNews } from './useListNews.ts';
import { jobKindWords, jobStateTones, jobStateWords } from './words.ts';

const PAGE = 50;

export default function Jobs() {
  const { t, i18n } = useLingui();
  const search = useSearch({ from: '/shell/jobs' });
  const navigate = useNavigate({ from: '/jobs' });
  const go = (change: JobsSearch) => void navigate({ search: { ...search, after: undefined, ...change } });
  const [state, again] = useQuery({
    query: JobsDocument,
    variables: { first: PAGE, after: search.after ?? null, kind: search.kind ?? null, state: search.state ?? null },
  });
  const page = state.data?.jobs;
  const whatIsOff = ({ jobs: news }: JobChangesSubscription) => page === undefined || isOff(
    unmask(JobRowFragmentDoc, news),
    { rows: page.edges.map(({ node }) => unmask(JobRowFragmentDoc, node)), hasNext: page.pageInfo.hasNextPage },
    search,
  );
  useListNews(JobChangesDocument, { kind: search.kind ?? null }, whatIsOff, again);
  const columns = useJobColumns();

  return (
    <Page title={t`Jobs`}>
      <div className="bar">
        <Choice inline label={t`Kind`} value={search.kind ?? ''} onChange={(kind) => go({ kind: kind || undefined })}
                options={[{ id: '', label: t`Any` }, ...KINDS.map((id) => ({ id, label: i18n._(jobKindWords[id]) }))]} />
        <Choice inline label={t`State`} value={search.state ?? ''} onChange={(chosen) => go({ state: chosen || undefined })}
                options={[{ id: '', label: t`Any` }, ...STATES.map((id) => ({ id, label: i18n._(jobStateWords[id]) }))]} />
      </div>
      <Answer state={state} retry={again}>
        {({ jobs }) => {
          const rows = jobs.edges.map((edge) => unmask(JobRowFragmentDoc, edge.node));
          if (rows.length === 0) {
            return (
              <EmptyState title={t`No job here.`}>
                <Trans>A purge, an import or an export becomes a job and is then listed here.</Trans>
              </EmptyState>
            );
          }
          return (
            <>
              <Table label={t`Jobs`} columns={columns} rows={rows} idOf={idOf} />
              <div className="bar end">
                <CsvButton name="jobs" rows={() => [
                  [t`Job`, t`Kind`, t`State`, t`Asked for`, t`By`, t`In all`, t`Done`, t`Left alone`, t`Not possible`],
                  ...rows.map((row) => [row.id, row.kind, row.state, row.createdAt, row.startedBy?.displayName, row.total,
                    row.done, row.skipped, row.failed]),
                ]} />
                <Pager hasNext={jobs.pageInfo.hasNextPage} isFirst={!jobs.pageInfo.hasPreviousPage}
                       onFirst={() => go({})} onNext={() => go({ after: jobs.pageInfo.endCursor ?? undefined })}>
                  <Trans>{number(jobs.totalCount)} in all</Trans>
                </Pager>
              </div>
            </>
          );
        }}
      </Answer>
    </Page>
  );
}

function idOf(row: JobRowFragment): string {
  return row.id;
}

function useJobColumns(): readonly Column<JobRowFragment>[] {
  const { t, i18n } = useLingui();
  return useMemo(
    () => [
      {
        id: 'kind', head: t`Job`,
        cell: (row) => <JobLink id={row.id} kind={row.kind}>{i18n._(jobKindWords[row.kind])}</JobLink>,
      },
      {
        id: 'state', head: t`State`,
        cell: (row) => <Chip tone={jobStateTones[row.state]}>{i18n._(jobStateWords[row.state])}</Chip>,
      },
      { id: 'progress', head: t`Progress`, cell: (row) => <Share row={row} /> },
      { id: 'skipped', head: t`Left alone`, isNumber: true, cell: (row) => number(row.skipped) },
      { id: 'failed', head: t`Not possible`, isNumber: true, cell: (row) => number(row.failed) },
      { id: 'by', head: t`By`, cell: (row) => row.startedBy?.displayName ?? <span className="soft"><Trans>a program</Trans></span> },
      { id: 'when', head: t`Asked for`, cell: (row) => moment(row.createdAt) },
    ],
    // The words change with the language.
    [t, i18n, i18n.locale],
  );
}

function Share({ row }: { row: JobRowFragment }) {
  const { t } = useLingui();
  const settled = row.done + row.skipped + row.failed + row.cancelled;
  return (
    <span className="share">
      <span aria-hidden="true" className={row.failed > 0 ? 'failed' : undefined}>
        <i style={{ inlineSize: `${row.total > 0 ? (100 * settled) / row.total : 0}%` }} />
      </span>
      {t`${number(settled)} of ${number(row.total)}`}
    </span>
  );
}
