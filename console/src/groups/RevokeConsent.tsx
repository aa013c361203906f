import { Trans, useLingui } from '@lingui/react/macro';
import { useAction } from '../graphql/action.ts';
import { RevokePrivacyWaiverDocument, type GroupMemberRowFragment } from '../graphql/generated/index.ts';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { ProblemNotice } from '../ui/ProblemNotice.tsx';
import { toast } from '../ui/toast.tsx';
import { day } from '../words/format.ts';

/** Asks first: a consent is dated, and a new one is another. */
export function RevokeConsent({ member, onClose, onDone }: {
  member: GroupMemberRowFragment;
  onClose(): void;
  onDone(): void;
}) {
  const { t } = useLingui();
  const { run, running, problem, error } = useAction(RevokePrivacyWaiverDocument, { idempotent: false });
  const { displayName } = member.patron;

  async function confirm() {
    if (!(await run({ patronId: member.patron.id }))) return;
    toast(t`Consent ended: ${displayName}`);
    onDone();
    onClose();
  }

  return (
    <Dialog title={t`Has the consent been taken back?`} isOpen onClose={onClose}>
      <ProblemNotice problem={problem} error={error} />
      <p>
        <Trans>
          <b>{displayName}</b> agreed on {day(member.waiver?.grantedAt)} that the lead sees titles. From now on the lead sees
          counts and sums only.
        </Trans>
      </p>
      <footer>
        <Button onPress={onClose}><Trans>Close</Trans></Button>
        <Button kind="danger" isPending={running} onPress={() => void confirm()}><Trans>End the consent</Trans></Button>
      </footer>
    </Dialog>
  );
}
