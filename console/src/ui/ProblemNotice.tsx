import type { MessageDescriptor } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import { useLingui } from '@lingui/react/macro';
import type { CombinedError } from 'urql';
import type { Problem } from '../graphql/action.ts';
import { number } from '../words/format.ts';
import { problemWords } from '../words/problems.ts';
import { fieldName, invalidText, type InvalidField } from '../words/reasons.ts';
import { Failure } from './Failure.tsx';

/** A refusal in the viewer's language, heard when it appears; shows nothing when there is none. */
export function ProblemNotice({ problem, error, isUnderFields = false }: {
  problem: Problem | undefined;
  error?: CombinedError | undefined;
  /** The form shows under each field what is wrong with it; the notice need not repeat that. */
  isUnderFields?: boolean;
}) {
  const { i18n } = useLingui();
  if (error) return <Failure error={error} />;
  if (!problem) return null;
  const words = wordsOf(problem);
  return (
    <div className="notice warn" role="alert">
      <strong>{words ? i18n._(words) : problem.message}</strong>
      {'fields' in problem && !isUnderFields && <ul>{problem.fields.map((one) => <li key={one.field}>{named(one)}</li>)}</ul>}
      {words && i18n.locale === 'en' && problem.__typename !== 'InvalidInput' && problem.message !== i18n._(words) && (
        <p className="soft">{problem.message}</p>
      )}
    </div>
  );
}

/** Two sorts of too many have more to say than their code. */
export function wordsOf(problem: Problem): MessageDescriptor | undefined {
  if (problem.__typename === 'SignInBusy') return msg`Many people are signing in at this moment. Try again in a few seconds.`;
  if (problem.__typename === 'TooMany') return msg`That is too many at once: at most ${number(problem.most)}.`;
  return problemWords[problem.code];
}

/** With the field's name, for a notice may stand far from it. */
function named(wrong: InvalidField): string {
  const name = fieldName(wrong.field);
  return name ? `${name}: ${invalidText(wrong)}` : invalidText(wrong);
}

/** What is wrong with one field of the input, to be shown under it. */
export function wrongWith(problem: Problem | undefined, field: string): string | undefined {
  if (!problem || !('fields' in problem)) return undefined;
  const found = problem.fields.find((one) => one.field === `input.${field}`);
  return found && invalidText(found);
}
