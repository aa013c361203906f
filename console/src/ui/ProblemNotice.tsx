import { useLingui } from '@lingui/react/macro';
import type { CombinedError } from 'urql';
import type { Problem } from '../graphql/action.ts';
import { problemWords } from '../words/problems.ts';
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
  const words = problemWords[problem.code];
  return (
    <div className="notice warn" role="alert">
      <strong>{words ? i18n._(words) : problem.message}</strong>
      {'fields' in problem && !isUnderFields && <ul>{problem.fields.map((one) => <li key={one.field}>{one.message}</li>)}</ul>}
      {words && i18n.locale === 'en' && problem.__typename !== 'InvalidInput' && problem.message !== i18n._(words) && (
        <p className="soft">{problem.message}</p>
      )}
    </div>
  );
}

/** What is wrong with one field of the input, to be shown under it. */
export function wrongWith(problem: Problem | undefined, field: string): string | undefined {
  if (!problem || !('fields' in problem)) return undefined;
  return problem.fields.find((one) => one.field === `input.${field}`)?.message;
}
