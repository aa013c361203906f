import { Trans, useLingui } from '@lingui/react/macro';
import { useEffect } from 'react';
import { useQuery, useSubscription } from 'urql';
import {
  JobLineFragmentDoc, JobNewsDocument, RecentJobsDocument, unmask, type FragmentType, type JobState,
} from '../graphql/generated/index.ts';
import { jobKindWords, jobStateWords } from '../jobs/words.ts';
import { Answer } from '../ui/Answer.tsx';
import { Progress } from '../ui/Progress.tsx';
import { moment } from '../words/format.ts';

const SHOWN = 20;
const UNDER_WAY: readonly JobState[] = ['QUEUED', 'RUNNING', 'PAUSED'];

/** The jobs under way, each with its bar, as they go on. */
export function RunningJobs() {
  const { t } = useLingui();
  const [state, again] = useQuery({ query: RecentJobsDocument, variables: { first: SHOWN } });
  // A job that is known changes by itself, for the cache has it by its id; a new one is asked for.
  const [news] = useSubscription({ query: JobNewsDocument });
  const newest = news.data?.jobs.id;
  const isKnown = newest === undefined || !state.data || state.data.jobs.edges.some(({ node }) => node.id === newest);
  useEffect(() => {
    if (!isKnown) again({ requestPolicy: 'network-only' });
  }, [isKnown, newest, again]);

  return (
    <section className="card" aria-labelledby="running-jobs">
      <header><h2 id="running-jobs">{t`Jobs under way`}</h2></header>
      <Answer state={state} retry={again}>
        {({ jobs }) => {
          const running = jobs.edges.map(({ node }) => node).filter((job) => isUnderWay(job));
          if (running.length === 0) return <p className="soft"><Trans>No job is under way.</Trans></p>;
          return running.map((job) => <JobLine key={job.id} job={job} />);
        }}
      </Answer>
    </section>
  );
}

type Line = FragmentType<typeof JobLineFragmentDoc>;

function isUnderWay(line: Line): boolean {
  return UNDER_WAY.includes(unmask(JobLineFragmentDoc, line).state);
}

function JobLine({ job: line }: { job: Line }) {
  const { i18n } = useLingui();
  const job = unmask(JobLineFragmentDoc, line);
  const settled = job.done + job.skipped + job.failed + job.cancelled;
  return (
    <Progress label={`${i18n._(jobKindWords[job.kind])} · ${i18n._(jobStateWords[job.state])} · ${moment(job.createdAt)}`}
              total={job.total} settled={settled} failed={job.failed} isFinished={job.finishedAt !== null} />
  );
}
