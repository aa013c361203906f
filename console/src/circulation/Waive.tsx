import { Trans, useLingui } from '@lingui/react/macro';
import { useState, type FormEvent } from 'react';
import { useAction } from '../graphql/action.ts';
import { WaiveDebtDocument, type DebtRowFragment } from '../graphql/generated/index.ts';
import { useViewer } from '../session/session.tsx';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { Field } from '../ui/Field.tsx';
import { wrongWith } from '../ui/ProblemNotice.tsx';
import { toast } from '../ui/toast.tsx';
import { money } from '../words/format.ts';
import { amountOf, isAtLeast, less } from './amount.ts';
import { AmountField, MoneyNotice } from './MoneyParts.tsx';
import { useReason } from './useReason.ts';

/** Lets a patron off a debt or a part of it, with a reason that stays on record. */
export function Waive({ debt, onClose, onDone }: { debt: DebtRowFragment; onClose(): void; onDone(): void }) {
  const { t } = useLingui();
  const { currency } = useViewer().library;
  const named = useReason();
  const { run, running, problem, error } = useAction(WaiveDebtDocument);
  const [text, setText] = useState(debt.outstanding);
  const [reason, setReason] = useState('');
  const [isAsked, setIsAsked] = useState(false);
  const amount = amountOf(text);

  async function submit(event: FormEvent) {
    event.preventDefault();
    setIsAsked(true);
    if (!amount || !isAtLeast(debt.outstanding, amount) || !reason.trim()) return;
    if (!(await run({ debtId: debt.id, amount, reason: reason.trim() }))) return;
    toast(t`Waived: ${money(amount, currency)}`);
    onDone();
    onClose();
  }

  return (
    <Dialog title={t`Waive ${named(debt.reason)}`} isOpen onClose={onClose} firm>
      <form className="answer" onSubmit={submit} noValidate>
        <MoneyNotice problem={problem} error={error} />
        <AmountField value={text} onChange={setText} owed={debt.outstanding} isAsked={isAsked} />
        <Field label={t`Why`} value={reason} onChange={setReason} autoComplete="off" description={t`Stays on record; no names.`}
               wrong={wrongWith(problem, 'reason') ?? (isAsked && !reason.trim() ? t`Say why.` : undefined)} />
        <p className="soft">
          {amount && isAtLeast(debt.outstanding, amount) && <Trans>Left after it: {money(less(debt.outstanding, amount), currency)}.</Trans>}
          {' '}<Trans>A waiver cannot be taken back.</Trans>
        </p>
        <footer>
          <Button onPress={onClose}><Trans>Close</Trans></Button>
          <Button type="submit" kind="danger" isPending={running}>
            {amount ? <Trans>Waive {money(amount, currency)}</Trans> : <Trans>Waive</Trans>}
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}
