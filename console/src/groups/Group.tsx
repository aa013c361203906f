// The group of a patron: its sums, its members with what each owes, and who belongs to it.
import { Trans, useLingui } from '@lingui/react/macro';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useCallback, useMemo, useState } from 'react';
import { useQuery } from 'urql';
import { useHeadAgain } from '../circulation/useHead.ts';
import {
  GroupMemberRowFragmentDoc, PatronsGroupDocument, unmask, type PatronsGroupQuery,
} from '../graphql/generated/index.ts';
import { Can, useMay, useViewer } from '../session/session.tsx';
import { Answer } from '../ui/Answer.tsx';
import { Button } from '../ui/Button.tsx';
import { CsvButton } from '../ui/CsvButton.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';
import { Pager } from '../ui/Pager.tsx';
import { ProblemNotice } from '../ui/ProblemNotice.tsx';
import { toast } from '../ui/toast.tsx';
import { useAllPages } from '../ui/useAllPages.ts';
import { useFresh } from '../ui/useFresh.ts';
import { money, number } from '../words/format.ts';
import '../circulation/circulation.css';
import './groups.css';
import { Members } from './Members.tsx';
import { MoveDialog } from './MoveDialog.tsx';
import type { Undo } from './undo.ts';
import { useClone } from './useClone.ts';
import { useUndo } from './useUndo.ts';

const PAGE = 100;

type ShownPatron = NonNullable<PatronsGroupQuery['patron']>;
type ShownGroup = NonNullable<ShownPatron['group']>;

export default function Group() {
  const { t } = useLingui();
  const { id } = useParams({ from: '/shell/patrons/$id/group' });
  const { after } = useSearch({ from: '/shell/patrons/$id/group' });
  const navigate = useNavigate({ from: '/patrons/$id/group' });
  const mayTotals = useMay('GROUPS_VIEW_TOTALS');
  const [answer, again] = useQuery({
    query: PatronsGroupDocument, variables: { id, first: PAGE, after: after ?? null, mayTotals },
  });
  useFresh(again);
  const headAgain = useHeadAgain(id);
  const changed = useCallback(() => {
    again({ requestPolicy: 'network-only' });
    headAgain();
  }, [again, headAgain]);
  const { undo, problem, error } = useUndo(changed);
  const said = useCallback(
    (text: string, plan: Undo | undefined) => {
      toast(text, plan && (() => void undo(plan)));
      changed();
    },
    [undo, changed],
  );

  return (
    <section className="answer" aria-label={t`Group`}>
      <ProblemNotice problem={problem} error={error} />
      <Answer state={answer} retry={again}>
        {({ patron, library }) => {
          if (!patron) return null;
          const { group } = patron;
          if (!group) return <NoGroup patron={patron} said={said} />;
          const members = group.members.edges.map((edge) => unmask(GroupMemberRowFragmentDoc, edge.node));
          return (
            <>
              <Totals group={group} />
              {members.some((one) => one.waiver) && !library.groupLeadAccess && (
                <p className="soft"><Trans>Your library does not let leads see their group, so consents have no effect for now.</Trans></p>
              )}
              <Members group={group} members={members} said={said} changed={changed} />
              <div className="bar end">
                <MembersCsv patronId={id} />
                <Pager hasNext={group.members.pageInfo.hasNextPage} isFirst={!group.members.pageInfo.hasPreviousPage}
                       onFirst={() => void navigate({ search: {} })}
                       onNext={() => void navigate({ search: { after: group.members.pageInfo.endCursor ?? undefined } })}>
                  <Trans>{number(group.members.totalCount)} in all</Trans>
                </Pager>
              </div>
            </>
          );
        }}
      </Answer>
    </section>
  );
}

function membersOf(data: PatronsGroupQuery) {
  return data.patron?.group?.members;
}

function MembersCsv({ patronId }: { patronId: string }) {
  const { t } = useLingui();
  const everything = useMemo(() => ({ id: patronId, mayTotals: false }), [patronId]);
  const everyPage = useAllPages(PatronsGroupDocument, everything, membersOf);
  const everyMember = async () => (await everyPage()).map((node) => unmask(GroupMemberRowFragmentDoc, node));
  return (
    <CsvButton name={`group-${patronId}`} rows={async () => [
      [t`Name`, t`Barcode`, t`Status`, t`Lead`, t`Consent`, t`Loans`, t`Overdue`, t`Reservations`, t`Owes`],
      ...(await everyMember()).map(({ patron, lead, waiver }) => [patron.displayName, patron.barcode, patron.status,
        String(lead), waiver?.grantedAt, patron.openLoanCount, patron.overdueLoanCount, patron.openReservationCount,
        patron.debtTotal]),
    ]} />
  );
}

function Totals({ group }: { group: ShownGroup }) {
  const { currency } = useViewer().library;
  const { totals } = group;
  return (
    <div className="card">
      <dl className="totals">
        <div><dt><Trans>Members</Trans></dt><dd>{number(group.memberCount)}</dd></div>
        <div><dt><Trans>Lead</Trans></dt><dd>{group.lead ? group.lead.displayName : <Trans>Nobody</Trans>}</dd></div>
        {totals && (
          <>
            <div><dt><Trans>On loan</Trans></dt><dd>{number(totals.openLoans)}</dd></div>
            <div><dt><Trans>Overdue</Trans></dt><dd>{number(totals.overdueLoans)}</dd></div>
            <div><dt><Trans>Lost</Trans></dt><dd>{number(totals.lostLoans)}</dd></div>
            <div><dt><Trans>Reservations</Trans></dt><dd>{number(totals.reservations)}</dd></div>
            <div><dt><Trans>Owe together</Trans></dt><dd>{money(totals.debt, currency)}</dd></div>
          </>
        )}
      </dl>
      {totals && <p className="soft"><Trans>For information: what a group owes blocks nobody; each member's own debt does.</Trans></p>}
    </div>
  );
}

function NoGroup({ patron, said }: { patron: ShownPatron; said(text: string, undo: Undo | undefined): void }) {
  const { t } = useLingui();
  const mayManage = useMay('GROUPS_MANAGE');
  const clone = useClone();
  const [isOpen, setIsOpen] = useState<'here' | 'away'>();
  const close = () => setIsOpen(undefined);
  return (
    <>
      <EmptyState title={t`In no group.`}>
        {mayManage && <Trans>Link accounts that belong together, a family for example, to see what they have and owe in one place.</Trans>}
      </EmptyState>
      <Can permission="GROUPS_MANAGE">
        <div className="bar no-print">
          {patron.barcode && (
            <Button kind="primary" onPress={() => setIsOpen('here')}><Trans>Move another patron here…</Trans></Button>
          )}
          <Button onPress={() => setIsOpen('away')}><Trans>Move to another patron's group…</Trans></Button>
          {clone && <Button onPress={() => clone(patron.id)}><Trans>Register a relative…</Trans></Button>}
        </div>
      </Can>
      {isOpen === 'here' && patron.barcode && (
        <MoveDialog title={t`Move another patron to this group`} label={t`Barcode of the patron who moves`} asksFor="mover"
                    inputOf={(patronBarcode) => ({ patronBarcode, into: { memberBarcode: patron.barcode ?? '' } })}
                    founder={patron.id} onClose={close}
                    onMoved={(moved, undo) => said(t`Moved here: ${moved.map((one) => one.displayName).join(', ')}`, undo)} />
      )}
      {isOpen === 'away' && (
        <MoveDialog title={t`Move to another patron's group`} label={t`Barcode of a member of that group`} asksFor="target"
                    inputOf={(memberBarcode) => ({ patronIds: [patron.id], into: { memberBarcode } })}
                    onClose={close} onMoved={(_, undo) => said(t`Moved: ${patron.displayName}`, undo)} />
      )}
    </>
  );
}
