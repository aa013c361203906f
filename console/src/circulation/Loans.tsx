// What a patron has and had: lend by barcode, return, renew, and give up what will not come back.
import { Trans, useLingui } from '@lingui/react/macro';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useCallback, useMemo, useState } from 'react';
import { useQuery } from 'urql';
import { useAction } from '../graphql/action.ts';
import {
  CheckInDocument, LoanRowFragmentDoc, PatronLoansDocument, RenewLoanDocument, unmask, type LoanRowFragment, type PatronLoansQuery,
} from '../graphql/generated/index.ts';
import { Can, useMay } from '../session/session.tsx';
import { Answer } from '../ui/Answer.tsx';
import { Button } from '../ui/Button.tsx';
import { Choice } from '../ui/Choice.tsx';
import { Chip } from '../ui/Chip.tsx';
import { CsvButton } from '../ui/CsvButton.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';
import { Pager } from '../ui/Pager.tsx';
import { Table, type Column } from '../ui/Table.tsx';
import { toast } from '../ui/toast.tsx';
import { useAllPages } from '../ui/useAllPages.ts';
import { useFresh } from '../ui/useFresh.ts';
import { day, moment, number } from '../words/format.ts';
import './circulation.css';
import { DeskNotice } from './DeskNotice.tsx';
import { Lend } from './Lend.tsx';
import { NotRenewed, RenewalsNotice } from './RenewAll.tsx';
import { asked, LOAN_STATES, type ListSearch } from './search.ts';
import { useHeadAgain } from './useHead.ts';
import { useRenewAll, type Renewals } from './useRenewAll.ts';
import { loanWords } from './words.ts';
import { Work } from './Work.tsx';
import { WriteOff } from './WriteOff.tsx';

const PAGE = 50;

interface Returned {
  title: string;
  isAwaited: boolean;
  wasLost: boolean;
}

export default function Loans() {
  const { t, i18n } = useLingui();
  const { id } = useParams({ from: '/shell/patrons/$id/loans' });
  const search = useSearch({ from: '/shell/patrons/$id/loans' });
  const navigate = useNavigate({ from: '/patrons/$id/loans' });
  const go = (change: ListSearch<(typeof LOAN_STATES)[number]>) =>
    void navigate({ search: { ...search, after: undefined, ...change } });
  const state = search.state ?? 'OPEN';
  const [answer, again] = useQuery({
    query: PatronLoansDocument,
    variables: { id, first: PAGE, after: search.after ?? null, state: asked(state) },
  });
  useFresh(again);
  const headAgain = useHeadAgain(id);
  const everything = useMemo(() => ({ id, state: asked(state) }), [id, state]);
  const everyPage = useAllPages(PatronLoansDocument, everything, listOf);
  const everyRow = useCallback(async () => (await everyPage()).map((node) => unmask(LoanRowFragmentDoc, node)), [everyPage]);
  const changed = useCallback(() => {
    again({ requestPolicy: 'network-only' });
    headAgain();
  }, [again, headAgain]);
  const all = useRenewAll(everyRow, changed);
  const desk = useLoanDesk(changed, all.forget);
  const columns = useLoanColumns(desk.giveBack, desk.renew, all.renewals?.refused);
  const [isWritingOff, setIsWritingOff] = useState(false);

  return (
    <section className="answer" aria-label={t`Loans`}>
      <Can permission="CIRCULATION_DESK"><Lend patronId={id} onChange={changed} /></Can>
      <div className="bar">
        <Choice inline label={t`Show`} value={state} onChange={(to) => go({ state: to })}
                options={LOAN_STATES.map((one) => ({ id: one, label: i18n._(loanWords[one]) }))} />
        {state === 'OPEN' && answer.data?.patron && answer.data.patron.loans.totalCount > 0 && (
          <Can permission="CIRCULATION_DESK">
            <Button onPress={() => void all.renewAll()} isPending={all.renewals?.isOver === false}><Trans>Renew all</Trans></Button>
          </Can>
        )}
      </div>
      <RenewalsNotice renewals={all.renewals} isUnread={all.isUnread} />
      <DeskNotice about={desk.about} problem={desk.problem} error={desk.error} />
      {desk.returned && <ReturnedNotice returned={desk.returned} />}
      <Answer state={answer} retry={again}>
        {({ patron }) => {
          if (!patron) return null;
          const rows = patron.loans.edges.map((edge) => unmask(LoanRowFragmentDoc, edge.node));
          if (rows.length === 0) return <NoLoans isOpen={state === 'OPEN'} />;
          return (
            <>
              <Table label={t`Loans`} columns={columns} rows={rows} idOf={idOf} />
              <div className="bar end">
                <CsvButton name={`loans-${id}`} rows={async () => [
                  [t`Title`, t`Author`, t`Barcode`, t`Lent`, t`Due`, t`Returned`, t`Renewals left`,
                    t({ message: 'Overdue', context: 'one loan' }), t({ message: 'Lost', context: 'one loan' }), t`Branch`],
                  ...(await everyRow()).map((row) => [row.item.title, row.item.author, row.item.barcode, row.checkedOutAt, row.dueAt,
                    row.returnedAt, row.renewalsLeft, String(row.overdue), String(row.lost), row.branch?.name]),
                ]} />
                {state === 'OPEN' && (
                  <Can permission="ITEMS_MARK_LOST">
                    <Button onPress={() => setIsWritingOff(true)}><Trans>Mark all as lost…</Trans></Button>
                  </Can>
                )}
                <Pager hasNext={patron.loans.pageInfo.hasNextPage} isFirst={!patron.loans.pageInfo.hasPreviousPage}
                       onFirst={() => go({})} onNext={() => go({ after: patron.loans.pageInfo.endCursor ?? undefined })}>
                  <Trans>{number(patron.loans.totalCount)} in all</Trans>
                </Pager>
              </div>
            </>
          );
        }}
      </Answer>
      {isWritingOff && <WriteOff patronId={id} onClose={() => setIsWritingOff(false)} onDone={changed} />}
    </section>
  );
}

/** Return and renew, with what the desk said last. */
function useLoanDesk(changed: () => void, forgetRefused: (loanId: string) => void) {
  const { t } = useLingui();
  const { run: checkIn, ...returning } = useAction(CheckInDocument);
  const { run: renewLoan, ...renewing } = useAction(RenewLoanDocument);
  const [about, setAbout] = useState<string>();
  const [returned, setReturned] = useState<Returned>();
  const { forget: forgetReturn } = returning;
  const { forget: forgetRenewal } = renewing;

  const begin = useCallback(
    (title: string) => {
      forgetReturn();
      forgetRenewal();
      setReturned(undefined);
      setAbout(title);
    },
    [forgetReturn, forgetRenewal],
  );
  const giveBack = useCallback(
    async ({ item }: LoanRowFragment) => {
      begin(item.title);
      const done = await checkIn({ itemBarcode: item.barcode });
      if (!done) return;
      const isAwaited = done.itemStatus === 'ON_HOLD_SHELF';
      if (isAwaited || done.wasLost) setReturned({ title: item.title, isAwaited, wasLost: done.wasLost });
      toast(t`Returned: ${item.title}`);
      changed();
    },
    [begin, checkIn, changed, t],
  );
  const renew = useCallback(
    async ({ id, item }: LoanRowFragment) => {
      begin(item.title);
      const done = await renewLoan({ loanId: id });
      if (!done) return;
      forgetRefused(id);
      toast(t`Renewed until ${day(done.loan.dueAt)}: ${item.title}`);
      changed();
    },
    [begin, renewLoan, changed, forgetRefused, t],
  );
  return {
    giveBack, renew, about, returned,
    problem: returning.problem ?? renewing.problem,
    error: returning.error ?? renewing.error,
  };
}

function ReturnedNotice({ returned }: { returned: Returned }) {
  return (
    <div className="notice good" role="status">
      {returned.isAwaited && (
        <strong><Trans>Keep “{returned.title}” on the hold shelf: somebody waits for it.</Trans></strong>
      )}
      {returned.wasLost && (
        <p><Trans>“{returned.title}” had been recorded as lost. Nothing is refunded; charges stay as they are.</Trans></p>
      )}
    </div>
  );
}

function NoLoans({ isOpen }: { isOpen: boolean }) {
  const { t } = useLingui();
  const mayLend = useMay('CIRCULATION_DESK');
  if (!isOpen) return <EmptyState title={t`No such loans.`}><Trans>Choose another state above.</Trans></EmptyState>;
  return (
    <EmptyState title={t`Nothing is on loan.`}>
      {mayLend && <Trans>Scan an item into the box above to lend it.</Trans>}
    </EmptyState>
  );
}

function listOf(data: PatronLoansQuery) {
  return data.patron?.loans;
}

function idOf(row: LoanRowFragment): string {
  return row.id;
}

type Act = (row: LoanRowFragment) => Promise<void>;

function useLoanColumns(
  giveBack: Act, renew: Act, refused: Renewals['refused'] | undefined,
): readonly Column<LoanRowFragment>[] {
  const { t, i18n } = useLingui();
  const mayAct = useMay('CIRCULATION_DESK');
  return useMemo(() => {
    const columns: Column<LoanRowFragment>[] = [
      {
        id: 'title', head: t`Title`,
        cell: (row) => {
          const why = refused?.get(row.id);
          return <div><Work title={row.item.title} author={row.item.author} />{why && <NotRenewed refused={why} />}</div>;
        },
      },
      { id: 'barcode', head: t`Barcode`, cell: (row) => <span className="mono">{row.item.barcode}</span> },
      { id: 'lent', head: t`Lent`, cell: (row) => <time dateTime={row.checkedOutAt}>{day(row.checkedOutAt)}</time> },
      { id: 'due', head: t`Due`, cell: (row) => <Due loan={row} /> },
      { id: 'renewals', head: t`Renewals left`, isNumber: true, cell: (row) => (row.returnedAt ? '' : number(row.renewalsLeft)) },
      { id: 'branch', head: t`Branch`, cell: (row) => row.branch?.name },
    ];
    if (mayAct) {
      columns.push({
        id: 'acts', isAction: true, head: t`Actions`,
        cell: (row) => (row.returnedAt ? null : (
          <span className="acts">
            <Button small onPress={() => void giveBack(row)} aria-label={t`Return ${row.item.title}`}><Trans>Return</Trans></Button>
            {!row.lost && (
              <Button small onPress={() => void renew(row)} aria-label={t`Renew ${row.item.title}`}><Trans>Renew</Trans></Button>
            )}
          </span>
        )),
      });
    }
    return columns;
    // The words change with the language.
  }, [t, i18n.locale, mayAct, giveBack, renew, refused]);
}

function Due({ loan }: { loan: LoanRowFragment }) {
  return (
    <span className="chips">
      <time dateTime={loan.dueAt}>{day(loan.dueAt)}</time>
      {loan.lost && <Chip tone="danger"><Trans context="one loan">Lost</Trans></Chip>}
      {loan.overdue && <Chip tone="warn"><Trans context="one loan">Overdue</Trans></Chip>}
      {loan.returnedAt && <Chip><Trans>Closed {moment(loan.returnedAt)}</Trans></Chip>}
    </span>
  );
}
