import { Trans, useLingui } from '@lingui/react/macro';
import { useState, type FormEvent } from 'react';
import { useQuery } from 'urql';
import { useAction } from '../graphql/action.ts';
import { ChargeDebtDocument, LoansToChargeDocument } from '../graphql/generated/index.ts';
import { useViewer } from '../session/session.tsx';
import { Button } from '../ui/Button.tsx';
import { Choice } from '../ui/Choice.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { Field } from '../ui/Field.tsx';
import { wrongWith } from '../ui/ProblemNotice.tsx';
import { toast } from '../ui/toast.tsx';
import { money } from '../words/format.ts';
import { amountOf } from './amount.ts';
import { AmountField, MoneyNotice } from './MoneyParts.tsx';

/** Puts a charge on the account, for one of the open loans or for anything else. */
export function Charge({ patronId, onClose, onDone }: { patronId: string; onClose(): void; onDone(): void }) {
  const { t } = useLingui();
  const { currency } = useViewer().library;
  const [{ data }] = useQuery({ query: LoansToChargeDocument, variables: { id: patronId } });
  const { run, running, problem, error } = useAction(ChargeDebtDocument);
  const [text, setText] = useState('');
  const [reason, setReason] = useState('');
  const [note, setNote] = useState('');
  const [loanId, setLoanId] = useState('');
  const [isAsked, setIsAsked] = useState(false);
  const amount = amountOf(text);
  const loans = data?.patron?.loans.edges ?? [];

  async function submit(event: FormEvent) {
    event.preventDefault();
    setIsAsked(true);
    if (!amount || !reason.trim()) return;
    const done = await run({ patronId, amount, reason: reason.trim(), note: note.trim() || null, loanId: loanId || null });
    if (!done) return;
    toast(t`Charged: ${money(amount, currency)}`);
    onDone();
    onClose();
  }

  return (
    <Dialog title={t`Charge`} isOpen onClose={onClose} firm>
      <form className="answer" onSubmit={submit} noValidate>
        <MoneyNotice problem={problem} error={error} />
        <AmountField value={text} onChange={setText} isAsked={isAsked} />
        <Field label={t`For`} value={reason} onChange={setReason} maxLength={60} autoComplete="off"
               placeholder={t`Damaged cover, for example`}
               wrong={wrongWith(problem, 'reason') ?? (isAsked && !reason.trim() ? t`Say what it is for.` : undefined)} />
        {loans.length > 0 && (
          <Choice label={t`Of a loan`} value={loanId} onChange={setLoanId}
                  options={[{ id: '', label: t`None` }, ...loans.map(({ node }) => ({ id: node.id, label: node.item.title }))]} />
        )}
        <Field label={t`Note`} value={note} onChange={setNote} rows={2} wrong={wrongWith(problem, 'note')}
               description={t`Optional; colleagues see it beside the debt.`} />
        <footer>
          <Button onPress={onClose}><Trans>Close</Trans></Button>
          <Button type="submit" kind="primary" isPending={running}>
            {amount ? <Trans>Charge {money(amount, currency)}</Trans> : <Trans>Charge it</Trans>}
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}
