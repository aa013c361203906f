// Whether a list of jobs, newest first, is still right once one of its jobs has news.
import type { JobKind, JobState } from '../graphql/generated/index.ts';
import type { JobsSearch } from './search.ts';

export interface ListedJob {
  id: string;
  kind: JobKind;
  state: JobState;
  createdAt: string;
}

/** True when the job is on a page that it does not belong on any more, or missing on the one where it belongs. */
export function isOff(
  job: ListedJob, page: { rows: readonly ListedJob[]; hasNext: boolean }, { kind, state, after }: JobsSearch,
): boolean {
  const belongs = (!kind || kind === job.kind) && (!state || state === job.state);
  if (page.rows.some((row) => row.id === job.id)) return !belongs;
  if (!belongs) return false;
  const [first, last] = [page.rows[0], page.rows.at(-1)];
  if (!first || !last) return after === undefined;
  const at = (row: ListedJob) => Date.parse(row.createdAt);
  const isAfterTop = after === undefined || at(job) <= at(first);
  const isBeforeEnd = !page.hasNext || at(job) >= at(last);
  return isAfterTop && isBeforeEnd;
}
