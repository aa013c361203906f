// What is wrong with a field, in the viewer's language; a barcode or username that is taken as well.
import { useLingui } from '@lingui/react/macro';
import type { Problem } from '../graphql/action.ts';
import { wrongWith } from '../ui/ProblemNotice.tsx';
import { problemWords } from '../words/problems.ts';

/** Returns what is wrong with the field of a path below `input`. */
export function useWrong(problem: Problem | undefined): (path: string) => string | undefined {
  const { i18n } = useLingui();
  return (path) => {
    const isTaken = problem && 'field' in problem && problem.field === `input.${path}`;
    return isTaken ? i18n._(problemWords[problem.code]) : wrongWith(problem, path);
  };
}
