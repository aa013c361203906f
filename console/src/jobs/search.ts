// What the addresses of the jobs may say; anything else is dropped.
import type { JobItemState, JobKind, JobState } from '../graphql/generated/index.ts';

export const KINDS: readonly JobKind[] = [
  'PURGE', 'IMPORT', 'EXPORT_PATRON', 'EXPORT_PATRONS', 'ROLLOVER', 'UNDO_ROLLOVER',
];
export const STATES: readonly JobState[] = [
  'QUEUED', 'RUNNING', 'PAUSED', 'SUCCEEDED', 'COMPLETED_WITH_ISSUES', 'CANCELLED', 'FAILED',
];
export const ITEM_STATES: readonly JobItemState[] = ['FAILED', 'SKIPPED', 'DONE', 'CANCELLED', 'PENDING'];

const UNDER_WAY: readonly JobState[] = ['QUEUED', 'RUNNING', 'PAUSED'];

/** Whether a job may still go on. */
export function isUnderWay(state: JobState): boolean {
  return UNDER_WAY.includes(state);
}

export interface JobsSearch {
  kind?: JobKind;
  state?: JobState;
  after?: string;
}

export interface JobSearch {
  of?: JobItemState;
  after?: string;
}

function cursor(search: Record<string, unknown>): string | undefined {
  return typeof search.after === 'string' && search.after !== '' ? search.after : undefined;
}

export function jobsSearch(search: Record<string, unknown>): JobsSearch {
  return {
    kind: KINDS.find((one) => one === search.kind),
    state: STATES.find((one) => one === search.state),
    after: cursor(search),
  };
}

export function jobSearch(search: Record<string, unknown>): JobSearch {
  return { of: ITEM_STATES.find((one) => one === search.of), after: cursor(search) };
}
