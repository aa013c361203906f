// What a patron owes and owed: pay, waive, charge; what settled each charge stands beside it.
import { Trans, useLingui } from '@lingui/react/macro';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useCallback, useMemo, useState } from 'react';
import { useQuery } from 'urql';
import {
  DebtRowFragmentDoc, PatronDebtsDocument, unmask, type DebtRowFragment, type PatronDebtsQuery,
} from '../graphql/generated/index.ts';
import { Can, useMay, useViewer } from '../session/session.tsx';
import { Answer } from '../ui/Answer.tsx';
import { Button } from '../ui/Button.tsx';
import { Choice } from '../ui/Choice.tsx';
import { CsvButton } from '../ui/CsvButton.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';
import { Pager } from '../ui/Pager.tsx';
import { Table, type Column } from '../ui/Table.tsx';
import { useAllPages } from '../ui/useAllPages.ts';
import { useFresh } from '../ui/useFresh.ts';
import { day, money, number } from '../words/format.ts';
import { isPositive } from './amount.ts';
import { Charge } from './Charge.tsx';
import './circulation.css';
import { Pay } from './Pay.tsx';
import { asked, DEBT_STATES, type ListSearch } from './search.ts';
import { useHeadAgain } from './useHead.ts';
import { useReason } from './useReason.ts';
import { Waive } from './Waive.tsx';
import { debtWords, ledgerWords } from './words.ts';
import { Work } from './Work.tsx';

const PAGE = 50;

type Asked = { to: 'charge' } | { to: 'pay'; debt?: DebtRowFragment } | { to: 'waive'; debt: DebtRowFragment };

export default function Debts() {
  const { t, i18n } = useLingui();
  const { id } = useParams({ from: '/shell/patrons/$id/debts' });
  const search = useSearch({ from: '/shell/patrons/$id/debts' });
  const navigate = useNavigate({ from: '/patrons/$id/debts' });
  const go = (change: ListSearch<(typeof DEBT_STATES)[number]>) =>
    void navigate({ search: { ...search, after: undefined, ...change } });
  const { currency } = useViewer().library;
  const state = search.state ?? 'OPEN';
  const [answer, again] = useQuery({
    query: PatronDebtsDocument,
    variables: { id, first: PAGE, after: search.after ?? null, state: asked(state) },
  });
  useFresh(again);
  const headAgain = useHeadAgain(id);
  const everything = useMemo(() => ({ id, state: asked(state) }), [id, state]);
  const everyPage = useAllPages(PatronDebtsDocument, everything, listOf);
  const everyRow = async () => (await everyPage()).map((node) => unmask(DebtRowFragmentDoc, node));
  const changed = useCallback(() => {
    again({ requestPolicy: 'network-only' });
    headAgain();
  }, [again, headAgain]);
  const [asking, setAsking] = useState<Asked>();
  const columns = useDebtColumns(setAsking);
  const close = () => setAsking(undefined);

  return (
    <section className="answer" aria-label={t`Debts`}>
      <Answer state={answer} retry={again}>
        {({ patron }) => {
          if (!patron) return null;
          const rows = patron.debts.edges.map((edge) => unmask(DebtRowFragmentDoc, edge.node));
          const toClear = patron.blockReasons.find((one) => one.code === 'DEBT')?.amountToClear ?? undefined;
          return (
            <>
              <div className="bar owes">
                <strong><Trans>Owes {money(patron.debtTotal, currency)}</Trans></strong>
                {toClear && <span className="soft"><Trans>A payment of {money(toClear, currency)} ends the block.</Trans></span>}
                <Can permission="CIRCULATION_DESK">
                  <span className="acts no-print">
                    <Button onPress={() => setAsking({ to: 'charge' })}><Trans>Charge…</Trans></Button>
                    {isPositive(patron.debtTotal) && (
                      <Button kind="primary" onPress={() => setAsking({ to: 'pay' })}><Trans>Take payment…</Trans></Button>
                    )}
                  </span>
                </Can>
              </div>
              <div className="bar">
                <Choice inline label={t`Show`} value={state} onChange={(to) => go({ state: to })}
                        options={DEBT_STATES.map((one) => ({ id: one, label: i18n._(debtWords[one]) }))} />
              </div>
              {rows.length === 0 ? (
                <EmptyState title={state === 'OPEN' ? t`Nothing is owed.` : t`No such debts.`}>
                  {state === 'OPEN' ? <Trans>What was settled is under another state above.</Trans>
                    : <Trans>Choose another state above.</Trans>}
                </EmptyState>
              ) : (
                <>
                  <Table label={t`Debts`} columns={columns} rows={rows} idOf={idOf} />
                  <div className="bar end">
                    <CsvButton name={`debts-${id}`} rows={async () => [
                      [t`Charged`, t`For`, t`Title`, t`Note`, t`Amount`, t`Left`],
                      ...(await everyRow()).map((row) => [row.createdAt, row.reason, row.loan?.item.title, row.note, row.amount,
                        row.outstanding]),
                    ]} />
                    <Pager hasNext={patron.debts.pageInfo.hasNextPage} isFirst={!patron.debts.pageInfo.hasPreviousPage}
                           onFirst={() => go({})} onNext={() => go({ after: patron.debts.pageInfo.endCursor ?? undefined })}>
                      <Trans>{number(patron.debts.totalCount)} in all</Trans>
                    </Pager>
                  </div>
                </>
              )}
              {asking?.to === 'charge' && <Charge patronId={id} onClose={close} onDone={changed} />}
              {asking?.to === 'pay' && (
                <Pay patronId={id} debt={asking.debt} owed={asking.debt?.outstanding ?? patron.debtTotal} toClear={toClear}
                     onClose={close} onDone={changed} />
              )}
              {asking?.to === 'waive' && <Waive debt={asking.debt} onClose={close} onDone={changed} />}
            </>
          );
        }}
      </Answer>
    </section>
  );
}

function listOf(data: PatronDebtsQuery) {
  return data.patron?.debts;
}

function idOf(row: DebtRowFragment): string {
  return row.id;
}

function useDebtColumns(ask: (asked: Asked) => void): readonly Column<DebtRowFragment>[] {
  const { t, i18n } = useLingui();
  const { currency } = useViewer().library;
  const mayAct = useMay('CIRCULATION_DESK');
  const reason = useReason();
  return useMemo(() => {
    const columns: Column<DebtRowFragment>[] = [
      { id: 'at', head: t`Charged`, cell: (row) => <time dateTime={row.createdAt}>{day(row.createdAt)}</time> },
      {
        id: 'for', head: t`For`,
        cell: (row) => <Work title={reason(row.reason)}
                             author={[row.loan?.item.title, row.note].filter(Boolean).join(' · ')} />,
      },
      { id: 'amount', head: t`Amount`, isNumber: true, cell: (row) => money(row.amount, currency) },
      { id: 'settled', head: t`Settled by`, cell: (row) => <Settled row={row} /> },
      { id: 'left', head: t`Left`, isNumber: true, cell: (row) => <b>{money(row.outstanding, currency)}</b> },
    ];
    if (mayAct) {
      columns.push({
        id: 'acts', isAction: true, head: t`Actions`,
        cell: (row) => (!isPositive(row.outstanding) ? null : (
          <span className="acts">
            <Button small onPress={() => ask({ to: 'pay', debt: row })} aria-label={t`Pay ${reason(row.reason)}`}><Trans>Pay…</Trans></Button>
            <Button small onPress={() => ask({ to: 'waive', debt: row })} aria-label={t`Waive ${reason(row.reason)}`}><Trans>Waive…</Trans></Button>
          </span>
        )),
      });
    }
    return columns;
    // The words change with the language.
  }, [t, i18n.locale, currency, mayAct, ask, reason]);
}

function Settled({ row }: { row: DebtRowFragment }) {
  const { i18n } = useLingui();
  const { currency } = useViewer().library;
  if (row.entries.length === 0) return null;
  return (
    <ul className="settled">
      {row.entries.map((entry) => (
        <li key={entry.id}>
          {i18n._(ledgerWords[entry.kind])} {money(entry.amount, currency)} · {day(entry.createdAt)}
          {entry.note && <> · {entry.note}</>}
        </li>
      ))}
    </ul>
  );
}
