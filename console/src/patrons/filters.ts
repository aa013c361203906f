// Filters under a name. They are kept in the browser, so they hold no search words: these are mostly somebody's name.
import { patronsSearch, type PatronsSearch } from './search.ts';

export type Filter = Pick<PatronsSearch, 'status' | 'category' | 'branch' | 'cohort' | 'sort'>;

export interface SavedFilter {
  name: string;
  search: Filter;
}

const PARTS = ['status', 'category', 'branch', 'cohort', 'sort'] as const;
const MOST = 20;

/** The part of an address that a saved filter keeps. */
export function filterOf(search: PatronsSearch): Filter {
  return Object.fromEntries(PARTS.filter((part) => search[part] !== undefined).map((part) => [part, search[part]]));
}

export function isEmpty(filter: Filter): boolean {
  return Object.keys(filter).length === 0;
}

/** Reads what was kept; what is not a filter is dropped. */
export function savedFilters(stored: unknown): readonly SavedFilter[] {
  if (!Array.isArray(stored)) return [];
  return stored
    .filter((one): one is { name: string; search: object } => typeof one?.name === 'string' && !!one.search)
    .map((one) => ({ name: one.name.trim(), search: filterOf(patronsSearch({ ...one.search })) }))
    .filter((one) => one.name !== '' && !isEmpty(one.search))
    .slice(0, MOST);
}

/** The name under which the filter of this address is saved, if it is. */
export function filterName(saved: readonly SavedFilter[], search: PatronsSearch): string | undefined {
  const said = (filter: Filter) => JSON.stringify(PARTS.map((part) => filter[part]));
  return saved.find((one) => said(one.search) === said(filterOf(search)))?.name;
}
