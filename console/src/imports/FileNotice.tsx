import { useLingui } from '@lingui/react/macro';
import type { CombinedError } from 'urql';
import type { Problem } from '../graphql/action.ts';
import type { FileRefusalFragment } from '../graphql/generated/index.ts';
import { ProblemNotice } from '../ui/ProblemNotice.tsx';
import { problemWords } from '../words/problems.ts';
import { fileText } from './words.ts';

/** Why an import did not begin; of a file what is wrong with it, and the place in the server's words where they say more. */
export function FileNotice({ problem, error }: { problem: Problem | undefined; error: CombinedError | undefined }) {
  const { i18n } = useLingui();
  if (error || !problem || !isFile(problem)) return <ProblemNotice problem={problem} error={error} />;
  const isMore = i18n.locale === 'en' || problem.reason === 'NOT_JSON' || problem.reason === 'NOT_THE_FORMAT' || problem.reason === 'MAPPING';
  return (
    <div className="notice warn" role="alert">
      <strong>{i18n._(problemWords.FILE_REFUSED)}</strong>
      <p>{fileText(problem)}</p>
      {isMore && <p className="soft" lang="en">{problem.message}</p>}
    </div>
  );
}

function isFile(problem: Problem): problem is Problem & FileRefusalFragment {
  return 'reason' in problem;
}
