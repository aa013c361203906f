import { Trans, useLingui } from '@lingui/react/macro';
import { Link, useParams } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useQuery, useSubscription } from 'urql';
import { ExportCard } from '../exports/ExportCard.tsx';
import {
  JobDetailFragmentDoc, JobPageDocument, JobProgressDocument, unmask, type JobDetailFragment, type JobKind,
} from '../graphql/generated/index.ts';
import { Can } from '../session/session.tsx';
import { Answer } from '../ui/Answer.tsx';
import { Chip } from '../ui/Chip.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';
import { Page } from '../ui/Page.tsx';
import { Progress } from '../ui/Progress.tsx';
import { duration, moment, number } from '../words/format.ts';
import { Certificate } from './Certificate.tsx';
import { JobControls } from './JobControls.tsx';
import { JobItems } from './JobItems.tsx';
import './jobs.css';
import { isUnderWay } from './search.ts';
import { jobKindWords, jobStateTones, jobStateWords } from './words.ts';

export default function JobPage() {
  const { t, i18n } = useLingui();
  const { id } = useParams({ from: '/shell/jobs/$id' });
  const [state, again] = useQuery({ query: JobPageDocument, variables: { id } });
  const job = unmask(JobDetailFragmentDoc, state.data?.job);
  // Its news are about the same entity, so what is shown follows; a final state has none, a retried job has again.
  useSubscription({ query: JobProgressDocument, variables: { id }, pause: !job || !isUnderWay(job.state) });

  return (
    <Page title={job ? `${i18n._(jobKindWords[job.kind])} · ${moment(job.createdAt)}` : t`Job`}>
      <Answer state={{ ...state, stale: false }} retry={again}>
        {() => (job ? <JobView job={job} again={again} /> : (
          <EmptyState title={t`There is no such job.`}>
            <Trans>Your library has no job with this number. <Link to="/jobs">All jobs</Link></Trans>
          </EmptyState>
        ))}
      </Answer>
    </Page>
  );
}

const ITEMISED: readonly JobKind[] = ['PURGE', 'ROLLOVER', 'UNDO_ROLLOVER'];

const EXPORTS: readonly JobKind[] = ['EXPORT_PATRON', 'EXPORT_PATRONS'];

function JobView({ job, again }: { job: JobDetailFragment; again(options: { requestPolicy: 'network-only' }): void }) {
  return (
    <>
      <JobCard job={job} />
      {EXPORTS.includes(job.kind) && (
        <ExportCard file={job.export} jobState={job.state} onRefused={() => again({ requestPolicy: 'network-only' })} />
      )}
      {job.kind === 'PURGE' && job.done > 0 && (
        <Can permission="AUDIT_VIEW"><Certificate jobId={job.id} isFinished={!isUnderWay(job.state)} /></Can>
      )}
      {job.kind === 'IMPORT' && (
        <Can permission="PATRONS_IMPORT">
          <p><Link to="/imports/$id" params={{ id: job.id }}><Trans>What became of the rows of the file</Trans></Link></p>
        </Can>
      )}
      {ITEMISED.includes(job.kind) && <JobItems jobId={job.id} version={job.version} />}
    </>
  );
}

/** How a job stands, live, with what can be done about it; `children` are numbers of its own instead of the usual. */
export function JobCard({ job, children }: { job: JobDetailFragment; children?: ReactNode }) {
  const { t, i18n } = useLingui();
  const settled = job.done + job.skipped + job.failed + job.cancelled;
  return (
    <section className="card" aria-label={t`How it stands`}>
      <header>
        <span role="status"><Chip tone={jobStateTones[job.state]}>{i18n._(jobStateWords[job.state])}</Chip></span>
        <JobControls job={job} />
      </header>
      {job.error && (
        <div className="notice danger" role="alert">
          <strong><Trans>The job stopped before its end.</Trans></strong>
          <p lang="en">{job.error}</p>
        </div>
      )}
      <Progress label={i18n._(jobKindWords[job.kind])} total={job.total} settled={settled} failed={job.failed}
                isFinished={!isUnderWay(job.state)} />
      <dl className="tiles">
        {children ?? (
          <>
            <div><dt><Trans>Done</Trans></dt><dd>{number(job.done)}</dd></div>
            <div><dt><Trans>Left alone</Trans></dt><dd>{number(job.skipped)}</dd></div>
            <div><dt><Trans>Not possible</Trans></dt><dd>{number(job.failed)}</dd></div>
          </>
        )}
        {job.cancelled > 0 && <div><dt><Trans>Ended before</Trans></dt><dd>{number(job.cancelled)}</dd></div>}
        <div>
          <dt><Trans>A second</Trans></dt>
          <dd>{job.ratePerSecond === null ? '–' : number(job.ratePerSecond, 1)}</dd>
        </div>
        {isUnderWay(job.state) && (
          <div><dt><Trans>Still to go</Trans></dt><dd>{job.etaSeconds === null ? '–' : duration(job.etaSeconds)}</dd></div>
        )}
      </dl>
      <dl className="facts">
        <dt><Trans>Asked for</Trans></dt>
        <dd>{moment(job.createdAt)}</dd>
        <dt><Trans>By</Trans></dt>
        <dd>{job.startedBy?.displayName ?? <Trans>a program</Trans>}</dd>
        {job.startedAt && <><dt><Trans>Begun</Trans></dt><dd>{moment(job.startedAt)}</dd></>}
        {job.finishedAt && <><dt><Trans>Ended</Trans></dt><dd>{moment(job.finishedAt)}</dd></>}
      </dl>
    </section>
  );
}
