export interface GroupSearch {
  after?: string;
}

/** What the address of a group may say: the page of its members. */
export function groupSearch(search: Record<string, unknown>): GroupSearch {
  return typeof search.after === 'string' && search.after ? { after: search.after } : {};
}
