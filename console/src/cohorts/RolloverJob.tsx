import { useLingui } from '@lingui/react/macro';
import { useEffect, useRef } from 'react';
import { useSubscription } from 'urql';
import {
  RolloverJobFragmentDoc, RolloverProgressDocument, unmask, type FragmentType, type JobState,
} from '../graphql/generated/index.ts';
import { JobLink } from '../jobs/JobLink.tsx';
import { jobStateWords } from '../jobs/words.ts';
import { Progress } from '../ui/Progress.tsx';

const FINAL: readonly JobState[] = ['SUCCEEDED', 'COMPLETED_WITH_ISSUES', 'CANCELLED', 'FAILED'];

export type JobRef = FragmentType<typeof RolloverJobFragmentDoc>;

export function isFinal(job: JobRef): boolean {
  return FINAL.includes(unmask(RolloverJobFragmentDoc, job).state);
}

/** The job as it goes on; tells once when it has ended. */
export function RolloverJob({ job, label, onEnd }: { job: JobRef; label: string; onEnd(): void }) {
  const { i18n } = useLingui();
  const given = unmask(RolloverJobFragmentDoc, job);
  const [news] = useSubscription({ query: RolloverProgressDocument, variables: { id: given.id } });
  const heard = news.data ? unmask(RolloverJobFragmentDoc, news.data.jobProgress) : given;
  const now = heard.version >= given.version ? heard : given;
  const hasEnded = FINAL.includes(now.state);
  const told = useRef(false);
  useEffect(() => {
    if (!hasEnded || told.current) return;
    told.current = true;
    onEnd();
  }, [hasEnded, onEnd]);
  return (
    <Progress label={`${label} · ${i18n._(jobStateWords[now.state])}`} total={now.total} failed={now.failed}
              settled={now.done + now.skipped + now.failed + now.cancelled} isFinished={hasEnded}>
      <JobLink id={now.id}>{label}</JobLink> · {i18n._(jobStateWords[now.state])}
    </Progress>
  );
}
