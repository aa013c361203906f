// The frame of a patron's page: who it is, what stands in the way of service, what is owed, and the tabs.
import { Trans, useLingui } from '@lingui/react/macro';
import { Outlet, useParams } from '@tanstack/react-router';
import { Suspense, useEffect } from 'react';
import { useQuery } from 'urql';
import {
  PatronDocument, PatronGroupDebtDocument, PatronHeadFragmentDoc, unmask, type PatronQuery,
} from '../graphql/generated/index.ts';
import { useMay, useViewer } from '../session/session.tsx';
import { Answer } from '../ui/Answer.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';
import { Page } from '../ui/Page.tsx';
import { Skeleton } from '../ui/Skeleton.tsx';
import { TabLinks } from '../ui/Tabs.tsx';
import { money } from '../words/format.ts';
import { PatronChips } from './PatronChips.tsx';
import './patron.css';
import { usePatronTabs } from './tabs.ts';
import { useFresh } from '../ui/useFresh.ts';

export default function Patron() {
  const { t } = useLingui();
  const { id } = useParams({ from: '/shell/patrons/$id' });
  const [state, again] = useQuery({ query: PatronDocument, variables: { id } });
  useFresh(again);
  const head = unmask(PatronHeadFragmentDoc, state.data?.patron);
  return (
    <Page title={head?.displayName || head?.barcode || t`Patron`} key={id}>
      <Answer state={state} retry={again} skeleton={<Skeleton rows={3} />}>
        {({ patron }) => (patron ? <Frame patron={patron} /> : (
          <EmptyState title={t`Your library has no such patron.`}>
            <Trans>The account may have been deleted, or it belongs to another library.</Trans>
          </EmptyState>
        ))}
      </Answer>
    </Page>
  );
}

function Frame({ patron }: { patron: NonNullable<PatronQuery['patron']> }) {
  const { t } = useLingui();
  const head = unmask(PatronHeadFragmentDoc, patron);
  const { currency } = useViewer().library;
  const mayTotal = useMay('GROUPS_VIEW_TOTALS');
  const isAsked = mayTotal && patron.group !== null;
  const [{ data: total }, again] = useQuery({ query: PatronGroupDebtDocument, variables: { id: head.id }, pause: !isAsked });
  useEffect(() => {
    if (isAsked) again({ requestPolicy: 'cache-and-network' });
    // What the patron owes is a part of what the group owes.
  }, [isAsked, again, head.debtTotal]);
  const groupDebt = patron.group && total?.patron?.group?.totals.debt;
  const tabs = usePatronTabs(head.id, {
    loans: head.openLoanCount,
    reservations: head.openReservationCount,
    debts: patron.debts.totalCount,
    group: patron.group?.memberCount ?? 0,
  });
  return (
    <>
      <div className="patron-head">
        {head.barcode && <span className="mono">{head.barcode}</span>}
        <PatronChips head={head} />
        <dl className="sums">
          <div><dt><Trans>Owes</Trans></dt><dd>{money(head.debtTotal, currency)}</dd></div>
          {groupDebt && (
            <div title={t`For information: what a group owes blocks nobody.`}>
              <dt><Trans>The group owes</Trans></dt><dd>{money(groupDebt, currency)}</dd>
            </div>
          )}
        </dl>
      </div>
      <TabLinks label={t`About this patron`} tabs={tabs} />
      <Suspense fallback={<Skeleton />}><Outlet /></Suspense>
    </>
  );
}
