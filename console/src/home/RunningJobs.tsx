import { Trans, useLingui } from '@lingui/react/macro';
import { useQuery } from 'urql';
import {
  JobLineFragmentDoc, JobNewsDocument, JobsUnderWayDocument, unmask, type JobLineFragment, type JobNewsSubscription,
  type JobsUnderWayQuery,
} from '../graphql/generated/index.ts';
import { JobLink } from '../jobs/JobLink.tsx';
import { isUnderWay } from '../jobs/search.ts';
import { useListNews } from '../jobs/useListNews.ts';
import { jobKindWords, jobStateWords } from '../jobs/words.ts';
import { Answer } from '../ui/Answer.tsx';
import { Progress } from '../ui/Progress.tsx';
import { moment } from '../words/format.ts';

const SHOWN = 20; // of each state

/** The jobs under way, each with its bar, as they go on. */
export function RunningJobs() {
  const { t } = useLingui();
  const [state, again] = useQuery({ query: JobsUnderWayDocument, variables: { first: SHOWN } });
  const known = state.data && underWay(state.data);
  const isMissing = ({ jobs: news }: JobNewsSubscription) => {
    const job = unmask(JobLineFragmentDoc, news);
    return isUnderWay(job.state) && !known?.some(({ id }) => id === job.id);
  };
  useListNews(JobNewsDocument, {}, isMissing, again);

  return (
    <section className="card" aria-labelledby="running-jobs">
      <header><h2 id="running-jobs">{t`Jobs under way`}</h2></header>
      <Answer state={state} retry={again}>
        {(data) => {
          const jobs = underWay(data);
          if (jobs.length === 0) return <p className="soft"><Trans>No job is under way.</Trans></p>;
          return jobs.map((job) => <JobLine key={job.id} job={job} />);
        }}
      </Answer>
    </section>
  );
}

/** Newest first, each once: a job that went on to another state since the lists were read is in the one it had. */
function underWay({ queued, running, paused }: JobsUnderWayQuery): JobLineFragment[] {
  const all = [queued, running, paused].flatMap(({ edges }) => edges.map(({ node }) => unmask(JobLineFragmentDoc, node)));
  const once = [...new Map(all.map((job) => [job.id, job])).values()];
  return once.filter((job) => isUnderWay(job.state)).sort((one, other) => other.createdAt.localeCompare(one.createdAt));
}

function JobLine({ job }: { job: JobLineFragment }) {
  const { i18n } = useLingui();
  const kind = i18n._(jobKindWords[job.kind]);
  const rest = `${i18n._(jobStateWords[job.state])} · ${moment(job.createdAt)}`;
  const settled = job.done + job.skipped + job.failed + job.cancelled;
  return (
    <Progress label={`${kind} · ${rest}`} total={job.total} settled={settled} failed={job.failed} isFinished={job.finishedAt !== null}>
      <JobLink id={job.id} kind={job.kind}>{kind}</JobLink> · {rest}
    </Progress>
  );
}
