// What renewing all comes to: how far it is, the sum of it, and at each loan that was refused why.
import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { wordsOf } from '../ui/ProblemNotice.tsx';
import { Progress } from '../ui/Progress.tsx';
import { number } from '../words/format.ts';
import { hasRefusals, Reasons } from './DeskNotice.tsx';
import type { Refused, Renewals } from './useRenewAll.ts';

/** Stays in the page, so that its words are heard when they come. */
export function RenewalsNotice({ renewals, isUnread }: { renewals: Renewals | undefined; isUnread: boolean }) {
  const { t } = useLingui();
  const going = renewals && !renewals.isOver;
  return (
    <>
      {going && (
        <Progress label={t`Renewing`} total={renewals.total} settled={renewals.renewed + renewals.refused.size} isFinished={false} />
      )}
      {isUnread && <p className="notice danger" role="alert"><Trans>The loans could not be read, so none was renewed. Try again.</Trans></p>}
      <div role="status">{renewals?.isOver && <Sum renewals={renewals} />}</div>
    </>
  );
}

function Sum({ renewals: { total, renewed } }: { renewals: Renewals }) {
  const left = total - renewed;
  return (
    <p className={left > 0 ? 'notice warn' : 'notice good'}>
      <strong>
        {left > 0 ? <Trans>{number(renewed)} renewed, {number(left)} not.</Trans>
          : <Plural value={renewed} one="# loan was renewed." other="# loans were renewed." />}
      </strong>
      {left > 0 && <span className="soft"><Trans>The reason stands at each loan.</Trans></span>}
    </p>
  );
}

/** At a loan: why renewing all left it as it was. */
export function NotRenewed({ refused: { problem, error } }: { refused: Refused }) {
  const { i18n } = useLingui();
  const words = problem && wordsOf(problem);
  return (
    <div className="not-renewed">
      <strong><Trans>Not renewed</Trans></strong>
      {problem && hasRefusals(problem) ? <Reasons refusals={problem.refusals} /> : (
        <p>
          {problem?.code === 'NOT_FOUND' && <Trans>The loan is not there any more.</Trans>}
          {words && problem.code !== 'NOT_FOUND' && i18n._(words)}
          {error && <Trans>No answer came. The due date tells whether it was renewed.</Trans>}
        </p>
      )}
    </div>
  );
}
