import { Trans, useLingui } from '@lingui/react/macro';
import type { CombinedError } from 'urql';
import type { Problem } from '../graphql/action.ts';
import type { RefusalsFragment } from '../graphql/generated/index.ts';
import { useViewer } from '../session/session.tsx';
import { ProblemNotice } from '../ui/ProblemNotice.tsx';
import { money } from '../words/format.ts';
import { refusalWords } from './words.ts';

/** Why the desk refused: every reason, not the first, and the sum that would end the one for debts. */
export function DeskNotice({ about, problem, error }: {
  /** What was asked for, when it is not in sight any more: the item's barcode or title. */
  about?: string | undefined;
  problem: Problem | undefined;
  error: CombinedError | undefined;
}) {
  if (error || problem?.code !== 'CIRCULATION_REFUSED' || !hasRefusals(problem)) {
    if (problem?.code !== 'NOT_FOUND' || !about) return <ProblemNotice problem={problem} error={error} />;
    return (
      <div className="notice warn" role="alert">
        <strong><Trans>Nothing here goes by “{about}”.</Trans></strong>
        <p className="soft"><Trans>Scan the barcode again, or type it as it stands on the item.</Trans></p>
      </div>
    );
  }
  return (
    <div className="notice warn" role="alert">
      <strong>{about ? <Trans>The desk refuses “{about}”.</Trans> : <Trans>The desk refuses this.</Trans>}</strong>
      <Reasons refusals={problem.refusals} />
    </div>
  );
}

/** Every reason of a refusal. */
export function Reasons({ refusals }: { refusals: RefusalsFragment['refusals'] }) {
  const { i18n } = useLingui();
  const { currency } = useViewer().library;
  return (
    <ul>
      {refusals.map((one) => (
        <li key={one.code + one.message}>
          {i18n._(refusalWords[one.code])}
          {one.amountToClear && <> <Trans>A payment of {money(one.amountToClear, currency)} ends this.</Trans></>}
        </li>
      ))}
    </ul>
  );
}

export function hasRefusals(problem: Problem): problem is Problem & RefusalsFragment {
  return 'refusals' in problem;
}
