import { useLingui } from '@lingui/react/macro';
import { useCallback } from 'react';
import { useAction } from '../graphql/action.ts';
import {
  GrantPrivacyWaiverDocument, RevokePrivacyWaiverDocument, SetGroupLeadDocument, type GroupMemberRowFragment,
} from '../graphql/generated/index.ts';
import { Menu, type MenuAction } from '../ui/Menu.tsx';
import { toast } from '../ui/toast.tsx';
import { useClone } from './useClone.ts';

type Act = (member: GroupMemberRowFragment) => void;

/** Lead and consent, each at once with Undo; taking a consent back is asked about first, by `revoke`. */
export function useMemberActs(groupId: string, leadId: string | null, changed: () => void, revoke: Act) {
  const { t } = useLingui();
  const { run: runLead, ...leading } = useAction(SetGroupLeadDocument, { idempotent: false });
  const { run: runGrant, ...granting } = useAction(GrantPrivacyWaiverDocument, { idempotent: false });
  const { run: runRevoke } = useAction(RevokePrivacyWaiverDocument, { idempotent: false });

  const setLead = useCallback(
    async ({ lead, patron }: GroupMemberRowFragment) => {
      const done = await runLead({ groupId, patronId: lead ? null : patron.id });
      if (!done) return;
      const back = async () => {
        await runLead({ groupId, patronId: leadId });
        changed();
      };
      toast(lead ? t`No longer the lead: ${patron.displayName}` : t`Leads the group: ${patron.displayName}`, () => void back());
      changed();
    },
    [runLead, groupId, leadId, changed, t],
  );
  const grant = useCallback(
    async ({ patron }: GroupMemberRowFragment) => {
      if (!(await runGrant({ patronId: patron.id }))) return;
      const back = async () => {
        await runRevoke({ patronId: patron.id });
        changed();
      };
      toast(t`Consent written down: ${patron.displayName}`, () => void back());
      changed();
    },
    [runGrant, runRevoke, changed, t],
  );
  return {
    setLead, grant, revoke,
    problem: leading.problem ?? granting.problem,
    error: leading.error ?? granting.error,
  };
}

export function MemberMenu({ member, setLead, grant, revoke }: {
  member: GroupMemberRowFragment;
  setLead(member: GroupMemberRowFragment): Promise<void>;
  grant(member: GroupMemberRowFragment): Promise<void>;
  revoke: Act;
}) {
  const { t } = useLingui();
  const clone = useClone();
  const actions: MenuAction[] = [
    { id: 'lead', label: member.lead ? t`Take the lead away` : t`Make the lead`, onAction: () => void setLead(member) },
    member.waiver
      ? { id: 'revoke', label: t`Consent taken back…`, onAction: () => revoke(member) }
      : { id: 'grant', label: t`Write down consent`, onAction: () => void grant(member) },
  ];
  if (clone) actions.push({ id: 'clone', label: t`Register a relative…`, onAction: () => clone(member.patron.id) });
  return <Menu small label={t`Actions for ${member.patron.displayName}`} actions={actions}>…</Menu>;
}
