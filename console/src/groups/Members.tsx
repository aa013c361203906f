import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { Link } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { useAction } from '../graphql/action.ts';
import {
  RemoveFromGroupDocument, type GroupMemberRowFragment, type MoverFragment, type PatronsGroupQuery,
} from '../graphql/generated/index.ts';
import { statusWords } from '../patrons/words.ts';
import { useMay, useViewer } from '../session/session.tsx';
import { Button } from '../ui/Button.tsx';
import { Chip } from '../ui/Chip.tsx';
import { ProblemNotice } from '../ui/ProblemNotice.tsx';
import { Table, type Column } from '../ui/Table.tsx';
import { useTagging } from '../ui/tagging.ts';
import { day, money, number } from '../words/format.ts';
import { MemberMenu, useMemberActs } from './MemberMenu.tsx';
import { MoveDialog } from './MoveDialog.tsx';
import { RevokeConsent } from './RevokeConsent.tsx';
import { undoRemoval, type Undo } from './undo.ts';

type ShownPatron = NonNullable<PatronsGroupQuery['patron']>;

interface Props {
  group: NonNullable<ShownPatron['group']>;
  members: readonly GroupMemberRowFragment[];
  said(text: string, undo: Undo | undefined): void;
  changed(): void;
}

/** The members, tagged to be moved or taken out; lead and consent in each one's menu. */
export function Members({ group, members, said, changed }: Props) {
  const { t } = useLingui();
  const mayManage = useMay('GROUPS_MANAGE');
  const ids = useMemo(() => members.map((one) => one.patron.id), [members]);
  const taggable = useMemo(() => new Set(ids), [ids]);
  const tagging = useTagging(ids, taggable);
  const [moving, setMoving] = useState<'here' | 'away'>();
  const [revoking, setRevoking] = useState<GroupMemberRowFragment>();
  const acts = useMemberActs(group.id, group.lead?.id ?? null, changed, setRevoking);
  const columns = useMemberColumns(acts);
  const { run, running, problem, error } = useAction(RemoveFromGroupDocument, { idempotent: false });
  const tagged = members.filter((one) => tagging.tagged.has(one.patron.id));
  const close = () => setMoving(undefined);
  const names = (moved: readonly MoverFragment[]) => moved.map((one) => one.displayName).join(', ');

  async function remove() {
    const seen = tagged.map((one) => ({
      id: one.patron.id, barcode: one.patron.barcode, groupLead: one.lead, group: { id: group.id },
    }));
    const done = await run({ patronIds: seen.map((one) => one.id) });
    if (!done) return;
    tagging.clear();
    said(t`No longer in the group: ${tagged.map((one) => one.patron.displayName).join(', ')}`,
      undoRemoval(seen, done.dissolvedCount, group.id));
  }

  return (
    <>
      <ProblemNotice problem={problem ?? acts.problem} error={error ?? acts.error} />
      {mayManage && (
        <div className="bar end no-print">
          <Button kind="primary" onPress={() => setMoving('here')}><Trans>Move another patron here…</Trans></Button>
          {tagged.length > 0 && (
            <>
              <span role="status" className="soft"><Plural value={tagged.length} one="# tagged" other="# tagged" /></span>
              <Button onPress={() => setMoving('away')}><Trans>Move to another patron's group…</Trans></Button>
              <Button isPending={running} onPress={() => void remove()}><Trans>Take out of the group</Trans></Button>
            </>
          )}
        </div>
      )}
      {mayManage
        ? <Table label={t`Members`} columns={columns} rows={members} idOf={idOf} tagging={tagging} nameOf={nameOf} />
        : <Table label={t`Members`} columns={columns} rows={members} idOf={idOf} />}
      {moving === 'here' && (
        <MoveDialog title={t`Move another patron to this group`} label={t`Barcode of the patron who moves`} asksFor="mover"
                    inputOf={(patronBarcode) => ({ patronBarcode, into: { groupId: group.id } })}
                    onClose={close} onMoved={(moved, undo) => said(t`Moved here: ${names(moved)}`, undo)} />
      )}
      {moving === 'away' && (
        <MoveDialog title={t`Move to another patron's group`} label={t`Barcode of a member of that group`} asksFor="target"
                    inputOf={(memberBarcode) => ({ patronIds: tagged.map((one) => one.patron.id), into: { memberBarcode } })}
                    onClose={close}
                    onMoved={(moved, undo) => {
                      tagging.clear();
                      said(t`Moved: ${names(moved)}`, undo);
                    }} />
      )}
      {revoking && <RevokeConsent member={revoking} onClose={() => setRevoking(undefined)} onDone={changed} />}
    </>
  );
}

function idOf(row: GroupMemberRowFragment): string {
  return row.patron.id;
}

function nameOf(row: GroupMemberRowFragment): string {
  return row.patron.displayName || row.patron.barcode || row.patron.id;
}

function useMemberColumns(acts: ReturnType<typeof useMemberActs>): readonly Column<GroupMemberRowFragment>[] {
  const { t, i18n } = useLingui();
  const { currency } = useViewer().library;
  const mayManage = useMay('GROUPS_MANAGE');
  const { setLead, grant, revoke } = acts;
  return useMemo(() => {
    const columns: Column<GroupMemberRowFragment>[] = [
      { id: 'name', head: t`Name`, cell: (row) => <Name member={row} /> },
      { id: 'barcode', head: t`Barcode`, cell: (row) => <span className="mono">{row.patron.barcode}</span> },
      { id: 'status', head: t`Status`, cell: (row) => <Standing member={row} /> },
      { id: 'loans', head: t`Loans`, isNumber: true, cell: (row) => number(row.patron.openLoanCount) },
      { id: 'overdue', head: t`Overdue`, isNumber: true, cell: (row) => number(row.patron.overdueLoanCount) },
      { id: 'reservations', head: t`Reservations`, isNumber: true, cell: (row) => number(row.patron.openReservationCount) },
      { id: 'owes', head: t`Owes`, isNumber: true, cell: (row) => money(row.patron.debtTotal, currency) },
      { id: 'since', head: t`Member since`, cell: (row) => day(row.joinedAt) },
    ];
    if (mayManage) {
      columns.push({
        id: 'acts', isAction: true, head: t`Actions`, cell: (row) => <MemberMenu member={row} setLead={setLead} grant={grant} revoke={revoke} />,
      });
    }
    return columns;
    // The words change with the language.
  }, [t, i18n.locale, currency, mayManage, setLead, grant, revoke]);
}

function Name({ member }: { member: GroupMemberRowFragment }) {
  return (
    <span className="member">
      <Link to="/patrons/$id/group" params={{ id: member.patron.id }}>{nameOf(member)}</Link>
      {member.lead && <Chip tone="accent"><Trans>Lead</Trans></Chip>}
    </span>
  );
}

function Standing({ member: { patron, waiver } }: { member: GroupMemberRowFragment }) {
  const { i18n } = useLingui();
  return (
    <span className="chips">
      {patron.status !== 'ACTIVE' && <Chip>{i18n._(statusWords[patron.status])}</Chip>}
      {patron.status === 'ACTIVE' && (patron.blocked
        ? <Chip tone="danger"><Trans>Blocked</Trans></Chip>
        : <Chip tone="good"><Trans>Active</Trans></Chip>)}
      {waiver && <Chip tone="accent"><Trans>Consent {day(waiver.grantedAt)}</Trans></Chip>}
    </span>
  );
}
