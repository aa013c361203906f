import { Trans, useLingui } from '@lingui/react/macro';
import { useState, type FormEvent } from 'react';
import { useAction } from '../graphql/action.ts';
import { PayDebtDocument, type DebtRowFragment } from '../graphql/generated/index.ts';
import { useViewer } from '../session/session.tsx';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { toast } from '../ui/toast.tsx';
import { money } from '../words/format.ts';
import { amountOf, isAtLeast, less } from './amount.ts';
import { AmountField, MoneyNotice } from './MoneyParts.tsx';
import { useReason } from './useReason.ts';

/** Takes a payment towards one debt or, the oldest first, towards all; says beforehand what is left and what it ends. */
export function Pay({ patronId, debt, owed, toClear, onClose, onDone }: {
  patronId: string;
  debt: DebtRowFragment | undefined;
  owed: string;
  /** The least payment that ends the block for debts, when there is one. */
  toClear: string | undefined;
  onClose(): void;
  onDone(): void;
}) {
  const { t } = useLingui();
  const { currency } = useViewer().library;
  const reason = useReason();
  const { run, running, problem, error } = useAction(PayDebtDocument);
  const [text, setText] = useState(owed);
  const [isAsked, setIsAsked] = useState(false);
  const amount = amountOf(text);
  const endsBlock = amount !== undefined && toClear !== undefined && isAtLeast(amount, toClear);

  async function submit(event: FormEvent) {
    event.preventDefault();
    setIsAsked(true);
    if (!amount || !isAtLeast(owed, amount)) return;
    if (!(await run({ patronId, amount, debtId: debt?.id ?? null }))) return;
    toast(t`Paid: ${money(amount, currency)}`);
    onDone();
    onClose();
  }

  return (
    <Dialog title={debt ? t`Payment for ${reason(debt.reason)}` : t`Payment`} isOpen onClose={onClose} firm>
      <form className="answer" onSubmit={submit} noValidate>
        <MoneyNotice problem={problem} error={error} />
        <AmountField value={text} onChange={setText} owed={owed} isAsked={isAsked} />
        {toClear !== undefined && isAtLeast(owed, toClear) && toClear !== amount && (
          <span><Button small onPress={() => setText(toClear)}><Trans>Only what ends the block: {money(toClear, currency)}</Trans></Button></span>
        )}
        <p role="status" className="soft">
          {amount && isAtLeast(owed, amount) && <Trans>Left after it: {money(less(owed, amount), currency)}.</Trans>}
          {endsBlock && <> <Trans>The block for debts ends.</Trans></>}
        </p>
        <footer>
          <Button onPress={onClose}><Trans>Close</Trans></Button>
          <Button type="submit" kind="primary" isPending={running}>
            {amount ? <Trans>Take {money(amount, currency)}</Trans> : <Trans>Take payment</Trans>}
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}
