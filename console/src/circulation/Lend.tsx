import { Trans, useLingui } from '@lingui/react/macro';
import { useRef, useState, type FormEvent } from 'react';
import { useAction } from '../graphql/action.ts';
import { CheckInDocument, CheckOutDocument } from '../graphql/generated/index.ts';
import { Button } from '../ui/Button.tsx';
import { DateField } from '../ui/DateField.tsx';
import { Field } from '../ui/Field.tsx';
import { toast } from '../ui/toast.tsx';
import { day } from '../words/format.ts';
import { DeskNotice } from './DeskNotice.tsx';

/** The box that lends: scan after scan, the focus stays in it. */
export function Lend({ patronId, onChange }: { patronId: string; onChange(): void }) {
  const { t } = useLingui();
  const form = useRef<HTMLFormElement>(null);
  const { run, running, problem, error } = useAction(CheckOutDocument);
  const { run: takeBack } = useAction(CheckInDocument);
  const [barcode, setBarcode] = useState('');
  const [due, setDue] = useState<string | null>(null);
  const [sent, setSent] = useState('');

  async function undo(itemBarcode: string) {
    if (await takeBack({ itemBarcode })) onChange();
  }

  async function submit(event: FormEvent) {
    event.preventDefault();
    const itemBarcode = barcode.trim();
    if (!itemBarcode) return;
    setSent(itemBarcode);
    const dueAt = due && new Date(`${due}T23:59:59`).toISOString();
    const done = await run({ patron: { id: patronId }, itemBarcode, dueAt });
    form.current?.querySelector('input')?.select();
    if (!done) return;
    setBarcode('');
    // A reservation that the loan fulfilled would not come back by returning the item.
    toast(t`Lent until ${day(done.loan.dueAt)}: ${done.loan.item.title}`,
      done.reservation ? undefined : () => void undo(done.loan.item.barcode));
    onChange();
  }

  return (
    <>
      <form ref={form} className="desk no-print" onSubmit={submit}>
        <Field label={t`Item to lend`} value={barcode} onChange={setBarcode} autoFocus autoComplete="off" spellCheck="false"
               placeholder={t`Scan or type a barcode`} />
        <DateField label={t`Due, if not in 21 days`} value={due} onChange={setDue} min={tomorrow()} />
        <Button type="submit" kind="primary" isPending={running}><Trans>Lend</Trans></Button>
      </form>
      <DeskNotice about={sent} problem={problem} error={error} />
    </>
  );
}

function tomorrow(): string {
  const next = new Date(Date.now() + 86_400_000);
  const two = (part: number) => String(part).padStart(2, '0');
  return `${next.getFullYear()}-${two(next.getMonth() + 1)}-${two(next.getDate())}`;
}
