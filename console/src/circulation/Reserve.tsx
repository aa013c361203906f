import { Trans, useLingui } from '@lingui/react/macro';
import { useRef, useState, type FormEvent } from 'react';
import { useAction } from '../graphql/action.ts';
import { CancelReservationDocument, PlaceReservationDocument } from '../graphql/generated/index.ts';
import { Button } from '../ui/Button.tsx';
import { Choice } from '../ui/Choice.tsx';
import { Field } from '../ui/Field.tsx';
import { toast } from '../ui/toast.tsx';
import { DeskNotice } from './DeskNotice.tsx';

/** The box that reserves; the patron fetches it at the home branch unless another is chosen. */
export function Reserve({ patronId, branches, home, onChange }: {
  patronId: string;
  branches: readonly { id: string; name: string }[];
  home: string;
  onChange(): void;
}) {
  const { t } = useLingui();
  const form = useRef<HTMLFormElement>(null);
  const { run, running, problem, error } = useAction(PlaceReservationDocument);
  const { run: cancel } = useAction(CancelReservationDocument);
  const [barcode, setBarcode] = useState('');
  const [branch, setBranch] = useState(home);
  const [sent, setSent] = useState('');

  async function undo(reservationId: string) {
    if (await cancel({ reservationId })) onChange();
  }

  async function submit(event: FormEvent) {
    event.preventDefault();
    const itemBarcode = barcode.trim();
    if (!itemBarcode) return;
    setSent(itemBarcode);
    const done = await run({ patron: { id: patronId }, itemBarcode, pickupBranchId: branch || null });
    form.current?.querySelector('input')?.select();
    if (!done) return;
    setBarcode('');
    toast(t`Reserved: ${done.reservation.item.title}`, () => void undo(done.reservation.id));
    onChange();
  }

  return (
    <>
      <form ref={form} className="desk no-print" onSubmit={submit}>
        <Field label={t`Item to reserve`} value={barcode} onChange={setBarcode} autoFocus autoComplete="off"
               spellCheck="false" placeholder={t`Scan or type a barcode`} />
        <Choice label={t`Fetched at`} value={branch} onChange={setBranch}
                options={[{ id: '', label: t`No branch in particular` }, ...branches.map((one) => ({ id: one.id, label: one.name }))]} />
        <Button type="submit" kind="primary" isPending={running}><Trans>Reserve</Trans></Button>
      </form>
      <DeskNotice about={sent} problem={problem} error={error} />
    </>
  );
}
