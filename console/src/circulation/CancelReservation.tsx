import { Trans, useLingui } from '@lingui/react/macro';
import { useAction } from '../graphql/action.ts';
import { CancelReservationDocument, type ReservationRowFragment } from '../graphql/generated/index.ts';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { toast } from '../ui/toast.tsx';
import { DeskNotice } from './DeskNotice.tsx';

/** Asks first, for the place in the queue does not come back. */
export function CancelReservation({ reservation, onClose, onDone }: {
  reservation: ReservationRowFragment;
  onClose(): void;
  onDone(): void;
}) {
  const { t } = useLingui();
  const { run, running, problem, error } = useAction(CancelReservationDocument);

  async function confirm() {
    if (!(await run({ reservationId: reservation.id }))) return;
    toast(t`Cancelled: ${reservation.item.title}`);
    onDone();
    onClose();
  }

  return (
    <Dialog title={t`Cancel this reservation?`} isOpen onClose={onClose}>
      <DeskNotice problem={problem} error={error} />
      <p><b>{reservation.item.title}</b></p>
      <p><Trans>The place in the queue is lost; reserved anew, the patron stands last.</Trans></p>
      <footer>
        <Button onPress={onClose}><Trans>Keep it</Trans></Button>
        <Button kind="danger" isPending={running} onPress={() => void confirm()}><Trans>Cancel the reservation</Trans></Button>
      </footer>
    </Dialog>
  );
}
