// What an address of the list may say; anything else is dropped, so a link that somebody mangled still opens.
import type { PatronSort, PatronStatus } from '../graphql/generated/index.ts';

export const STATUSES: readonly PatronStatus[] = ['ACTIVE', 'INACTIVE', 'PENDING_PURGE'];
export const SORTS: readonly PatronSort[] = ['NAME', 'NAME_DESCENDING', 'NEWEST', 'OLDEST'];

export interface PatronsSearch {
  q?: string;
  status?: PatronStatus;
  category?: string;
  branch?: string;
  cohort?: string;
  group?: string;
  sort?: PatronSort;
  after?: string;
}

export function patronsSearch(search: Record<string, unknown>): PatronsSearch {
  const text = (name: string) => (search[name] === undefined || search[name] === '' ? undefined : String(search[name]));
  const id = (name: string) => (/^[a-z]+_\d+$/.test(text(name) ?? '') ? text(name) : undefined);
  return {
    q: text('q'),
    status: STATUSES.find((one) => one === search.status),
    category: text('category'),
    branch: id('branch'),
    cohort: id('cohort'),
    group: id('group'),
    sort: SORTS.find((one) => one === search.sort),
    after: text('after'),
  };
}
