// What was done to a patron's account, by whom and when: the audit trail, newest first.
import { Trans, useLingui } from '@lingui/react/macro';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import { useQuery } from 'urql';
import {
  ActivityRowFragmentDoc, PatronActivityDocument, unmask, type ActivityRowFragment, type ActorKind, type PatronActivityQuery,
} from '../graphql/generated/index.ts';
import { JobLink } from '../jobs/JobLink.tsx';
import { Answer } from '../ui/Answer.tsx';
import { Choice } from '../ui/Choice.tsx';
import { CsvButton } from '../ui/CsvButton.tsx';
import { DateField } from '../ui/DateField.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';
import { Pager } from '../ui/Pager.tsx';
import { Table, type Column } from '../ui/Table.tsx';
import { useAllPages } from '../ui/useAllPages.ts';
import { useFresh } from '../ui/useFresh.ts';
import { moment, number } from '../words/format.ts';
import './activity.css';
import { ACTOR_KINDS, beginning, type ActivitySearch } from './search.ts';
import { actionWords, actorWords } from './words.ts';

const PAGE = 50;

export default function Activity() {
  const { t, i18n } = useLingui();
  const { id } = useParams({ from: '/shell/patrons/$id/activity' });
  const search = useSearch({ from: '/shell/patrons/$id/activity' });
  const navigate = useNavigate({ from: '/patrons/$id/activity' });
  const go = (change: ActivitySearch) => void navigate({ search: { ...search, after: undefined, ...change } });
  const { action, by, from, to } = search;
  const filter = useMemo(
    () => ({ subject: id, action: action ?? null, actorKind: by ?? null, from: beginning(from), to: beginning(to, 1) }),
    [id, action, by, from, to],
  );
  const [answer, again] = useQuery({
    query: PatronActivityDocument, variables: { first: PAGE, after: search.after ?? null, filter },
  });
  useFresh(again);
  const everything = useMemo(() => ({ filter }), [filter]);
  const everyPage = useAllPages(PatronActivityDocument, everything, listOf);
  const everyRow = async () => (await everyPage()).map((node) => unmask(ActivityRowFragmentDoc, node));
  const columns = useActivityColumns();
  const actions = Object.entries(actionWords).map(([one, words]) => ({ id: one, label: i18n._(words) }));
  const known = action && !(action in actionWords) ? [{ id: action, label: action }] : [];

  return (
    <section className="answer" aria-label={t`Activity`}>
      <div className="bar no-print">
        <Choice label={t`What`} value={action ?? ''} onChange={(one) => go({ action: one || undefined })}
                options={[{ id: '', label: t`Everything` }, ...actions, ...known]} />
        <Choice<ActorKind | ''> label={t`By`} value={by ?? ''} onChange={(one) => go({ by: one || undefined })}
                options={[{ id: '', label: t`Anybody` }, ...ACTOR_KINDS.map((one) => ({ id: one, label: i18n._(actorWords[one]) }))]} />
        <DateField label={t`From`} value={from ?? null} max={to ?? ''} onChange={(day) => go({ from: day ?? undefined })} />
        <DateField label={t`Until`} value={to ?? null} min={from ?? ''} onChange={(day) => go({ to: day ?? undefined })} />
      </div>
      <Answer state={answer} retry={again}>
        {({ auditEvents }) => {
          const rows = auditEvents.edges.map((edge) => unmask(ActivityRowFragmentDoc, edge.node));
          if (rows.length === 0) {
            return (
              <EmptyState title={t`Nothing is on record.`}>
                {action || by || from || to
                  ? <Trans>Choose less above to see more.</Trans>
                  : <Trans>What is done to this account from now on stands here.</Trans>}
              </EmptyState>
            );
          }
          return (
            <>
              <Table label={t`Activity`} columns={columns} rows={rows} idOf={idOf} />
              <div className="bar end">
                <CsvButton name={`activity-${id}`} rows={async () => [
                  [t`When`, t`What`, t`By`, t`Kind of actor`, t`Job`, t`Particulars`],
                  ...(await everyRow()).map((row) => [row.at, row.action, row.actor?.displayName ?? row.tokenName ?? row.actorId,
                    row.actorKind, row.jobId, particulars(row).join('; ')]),
                ]} />
                <Pager hasNext={auditEvents.pageInfo.hasNextPage} isFirst={!auditEvents.pageInfo.hasPreviousPage}
                       onFirst={() => go({})} onNext={() => go({ after: auditEvents.pageInfo.endCursor ?? undefined })}>
                  <Trans>{number(auditEvents.totalCount)} in all</Trans>
                </Pager>
              </div>
            </>
          );
        }}
      </Answer>
    </section>
  );
}

function listOf(data: PatronActivityQuery) {
  return data.auditEvents;
}

function idOf(row: ActivityRowFragment): string {
  return row.id;
}

/** Codes and counts that the event tells, those that say something. */
function particulars(row: ActivityRowFragment): string[] {
  return row.detail.filter((one) => one.value !== null).map((one) => `${one.name}: ${one.value ?? ''}`);
}

function useActivityColumns(): readonly Column<ActivityRowFragment>[] {
  const { t, i18n } = useLingui();
  return useMemo(
    () => [
      { id: 'at', head: t`When`, cell: (row) => <time dateTime={row.at}>{moment(row.at)}</time> },
      { id: 'what', head: t`What`, cell: (row) => <What row={row} /> },
      { id: 'by', head: t`By`, cell: (row) => <Who row={row} /> },
      { id: 'job', head: t`Job`, cell: (row) => row.jobId && <JobLink id={row.jobId}>{row.jobId}</JobLink> },
      {
        id: 'detail', head: t`Particulars`,
        cell: (row) => <span className="particulars">{particulars(row).map((one) => <code key={one}>{one}</code>)}</span>,
      },
    ],
    // The words change with the language.
    [t, i18n.locale],
  );
}

function What({ row }: { row: ActivityRowFragment }) {
  const { i18n } = useLingui();
  const words = actionWords[row.action];
  return words ? <b title={row.action}>{i18n._(words)}</b> : <code>{row.action}</code>;
}

function Who({ row }: { row: ActivityRowFragment }) {
  const { i18n } = useLingui();
  const kind = i18n._(actorWords[row.actorKind]);
  const name = row.actor?.displayName ?? row.tokenName;
  return name ? <>{name}{row.actorKind !== 'STAFF' && <span className="soft"> · {kind}</span>}</> : kind;
}
