// What the dialogs about money have in common.
import { Trans, useLingui } from '@lingui/react/macro';
import type { CombinedError } from 'urql';
import type { Problem } from '../graphql/action.ts';
import type { TooMuchFragment } from '../graphql/generated/index.ts';
import { useViewer } from '../session/session.tsx';
import { Field } from '../ui/Field.tsx';
import { ProblemNotice } from '../ui/ProblemNotice.tsx';
import { money } from '../words/format.ts';
import { amountOf, isAtLeast } from './amount.ts';

/** The sum, whole at first so that Enter takes all of it; what is wrong with it is said once it was sent. */
export function AmountField({ value, onChange, owed, isAsked }: {
  value: string;
  onChange(value: string): void;
  /** The most it may be. */
  owed?: string;
  isAsked: boolean;
}) {
  const { t } = useLingui();
  const { currency } = useViewer().library;
  const amount = amountOf(value);
  const isTooMuch = amount !== undefined && owed !== undefined && !isAtLeast(owed, amount);
  const wrong = amount === undefined ? t`Give a sum above nothing, with at most two decimals, such as 12.50.`
    : isTooMuch ? t`At most ${money(owed, currency)}: more is not owed.` : undefined;
  return (
    <Field label={t`Amount in ${currency}`} value={value} onChange={onChange} inputMode="decimal" autoFocus
           autoComplete="off" wrong={isAsked || isTooMuch ? wrong : undefined} />
  );
}

/** A refusal; one for too large a sum names the sum that is owed by now. */
export function MoneyNotice({ problem, error }: { problem: Problem | undefined; error: CombinedError | undefined }) {
  const { currency } = useViewer().library;
  if (error || !problem || !isTooMuch(problem)) return <ProblemNotice problem={problem} error={error} />;
  return (
    <div className="notice warn" role="alert">
      <strong><Trans>That is more than is owed: {money(problem.owed, currency)}.</Trans></strong>
    </div>
  );
}

function isTooMuch(problem: Problem): problem is Problem & TooMuchFragment {
  return 'owed' in problem;
}
