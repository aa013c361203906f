// What a patron waits for: reserve by barcode, lend what is ready, cancel.
import { Trans, useLingui } from '@lingui/react/macro';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useCallback, useMemo, useState } from 'react';
import { useQuery } from 'urql';
import { useAction } from '../graphql/action.ts';
import {
  CheckOutDocument, PatronReservationsDocument, ReservationRowFragmentDoc, unmask, type PatronReservationsQuery,
  type ReservationRowFragment,
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
import { CancelReservation } from './CancelReservation.tsx';
import './circulation.css';
import { DeskNotice } from './DeskNotice.tsx';
import { Reserve } from './Reserve.tsx';
import { asked, RESERVATION_STATES, type ListSearch } from './search.ts';
import { useHeadAgain } from './useHead.ts';
import { reservationFilterWords, reservationWords } from './words.ts';
import { Work } from './Work.tsx';

const PAGE = 50;

export default function Reservations() {
  const { t, i18n } = useLingui();
  const { id } = useParams({ from: '/shell/patrons/$id/reservations' });
  const search = useSearch({ from: '/shell/patrons/$id/reservations' });
  const navigate = useNavigate({ from: '/patrons/$id/reservations' });
  const go = (change: ListSearch<(typeof RESERVATION_STATES)[number]>) =>
    void navigate({ search: { ...search, after: undefined, ...change } });
  const state = search.state ?? 'OPEN';
  const [answer, again] = useQuery({
    query: PatronReservationsDocument,
    variables: { id, first: PAGE, after: search.after ?? null, state: asked(state) },
  });
  useFresh(again);
  const headAgain = useHeadAgain(id);
  const everything = useMemo(() => ({ id, state: asked(state) }), [id, state]);
  const everyPage = useAllPages(PatronReservationsDocument, everything, listOf);
  const everyRow = async () => (await everyPage()).map((node) => unmask(ReservationRowFragmentDoc, node));
  const changed = useCallback(() => {
    again({ requestPolicy: 'network-only' });
    headAgain();
  }, [again, headAgain]);
  const { run, problem, error } = useAction(CheckOutDocument);
  const [about, setAbout] = useState<string>();
  const lend = useCallback(
    async ({ item }: ReservationRowFragment) => {
      setAbout(item.title);
      const done = await run({ patron: { id }, itemBarcode: item.barcode });
      if (!done) return;
      toast(t`Lent until ${day(done.loan.dueAt)}: ${item.title}`);
      changed();
    },
    [run, id, changed, t],
  );
  const [cancelling, setCancelling] = useState<ReservationRowFragment>();
  const columns = useReservationColumns(lend, setCancelling);

  return (
    <section className="answer" aria-label={t`Reservations`}>
      <Can permission="CIRCULATION_DESK">
        {answer.data?.patron && (
          <Reserve key={id} patronId={id} branches={answer.data.library.branches} home={answer.data.patron.branch?.id ?? ''}
                   onChange={changed} />
        )}
      </Can>
      <div className="bar">
        <Choice inline label={t`Show`} value={state} onChange={(to) => go({ state: to })}
                options={RESERVATION_STATES.map((one) => ({ id: one, label: i18n._(reservationFilterWords[one]) }))} />
      </div>
      <DeskNotice about={about} problem={problem} error={error} />
      <Answer state={answer} retry={again}>
        {({ patron }) => {
          if (!patron) return null;
          const rows = patron.reservations.edges.map((edge) => unmask(ReservationRowFragmentDoc, edge.node));
          if (rows.length === 0) return <NoReservations isOpen={state === 'OPEN'} />;
          return (
            <>
              <Table label={t`Reservations`} columns={columns} rows={rows} idOf={idOf} />
              <div className="bar end">
                <CsvButton name={`reservations-${id}`} rows={async () => [
                  [t`Title`, t`Author`, t`Barcode`, t`Asked for`, t`State`, t`Fetched at`],
                  ...(await everyRow()).map((row) => [row.item.title, row.item.author, row.item.barcode, row.requestedAt, row.state,
                    row.pickupBranch?.name]),
                ]} />
                <Pager hasNext={patron.reservations.pageInfo.hasNextPage}
                       isFirst={!patron.reservations.pageInfo.hasPreviousPage} onFirst={() => go({})}
                       onNext={() => go({ after: patron.reservations.pageInfo.endCursor ?? undefined })}>
                  <Trans>{number(patron.reservations.totalCount)} in all</Trans>
                </Pager>
              </div>
            </>
          );
        }}
      </Answer>
      {cancelling && (
        <CancelReservation reservation={cancelling} onClose={() => setCancelling(undefined)} onDone={changed} />
      )}
    </section>
  );
}

function NoReservations({ isOpen }: { isOpen: boolean }) {
  const { t } = useLingui();
  const mayReserve = useMay('CIRCULATION_DESK');
  if (!isOpen) return <EmptyState title={t`No such reservations.`}><Trans>Choose another state above.</Trans></EmptyState>;
  return (
    <EmptyState title={t`Nothing is reserved.`}>
      {mayReserve && <Trans>Scan an item into the box above to reserve it.</Trans>}
    </EmptyState>
  );
}

function listOf(data: PatronReservationsQuery) {
  return data.patron?.reservations;
}

function idOf(row: ReservationRowFragment): string {
  return row.id;
}

function useReservationColumns(
  lend: (row: ReservationRowFragment) => Promise<void>, cancel: (row: ReservationRowFragment) => void,
): readonly Column<ReservationRowFragment>[] {
  const { t, i18n } = useLingui();
  const mayAct = useMay('CIRCULATION_DESK');
  return useMemo(() => {
    const columns: Column<ReservationRowFragment>[] = [
      { id: 'title', head: t`Title`, cell: (row) => <Work title={row.item.title} author={row.item.author} /> },
      { id: 'barcode', head: t`Barcode`, cell: (row) => <span className="mono">{row.item.barcode}</span> },
      { id: 'asked', head: t`Asked for`, cell: (row) => <time dateTime={row.requestedAt}>{day(row.requestedAt)}</time> },
      { id: 'state', head: t`State`, cell: (row) => <Standing row={row} /> },
      { id: 'branch', head: t`Fetched at`, cell: (row) => row.pickupBranch?.name },
    ];
    if (mayAct) {
      columns.push({
        id: 'acts', isAction: true, head: t`Actions`,
        cell: (row) => (row.state !== 'OPEN' ? null : (
          <span className="acts">
            {(row.item.status === 'ON_HOLD_SHELF' || row.item.status === 'AVAILABLE') && (
              <Button small onPress={() => void lend(row)} aria-label={t`Lend ${row.item.title}`}><Trans>Lend</Trans></Button>
            )}
            <Button small onPress={() => cancel(row)} aria-label={t`Cancel ${row.item.title}`}><Trans>Cancel…</Trans></Button>
          </span>
        )),
      });
    }
    return columns;
    // The words change with the language.
  }, [t, i18n.locale, mayAct, lend, cancel]);
}

function Standing({ row }: { row: ReservationRowFragment }) {
  const { i18n } = useLingui();
  const ended = row.fulfilledAt ?? row.cancelledAt;
  return (
    <span className="chips">
      {row.state === 'OPEN' && row.item.status === 'ON_HOLD_SHELF'
        ? <Chip tone="good"><Trans>On the hold shelf</Trans></Chip>
        : <Chip tone={row.state === 'OPEN' ? 'accent' : 'plain'}>{i18n._(reservationWords[row.state])}</Chip>}
      {row.state === 'OPEN' && row.frozen && <Chip><Trans>Suspended</Trans></Chip>}
      {ended && <time className="soft" dateTime={ended}>{moment(ended)}</time>}
    </span>
  );
}
