// What the address of a patron's activity may say; anything else is dropped.
import type { ActorKind } from '../graphql/generated/index.ts';

export const ACTOR_KINDS: readonly ActorKind[] = ['STAFF', 'TOKEN', 'PATRON', 'SYSTEM', 'ANONYMOUS'];

export interface ActivitySearch {
  action?: string;
  by?: ActorKind;
  /** First and last day, both of them in it, as 2026-11-27 in the viewer's time. */
  from?: string;
  to?: string;
  after?: string;
}

export function activitySearch(search: Record<string, unknown>): ActivitySearch {
  const found: ActivitySearch = {};
  const by = ACTOR_KINDS.find((one) => one === search.by);
  if (typeof search.action === 'string' && /^[a-z_.]+$/.test(search.action)) found.action = search.action;
  if (by) found.by = by;
  if (isDay(search.from)) found.from = search.from;
  if (isDay(search.to)) found.to = search.to;
  if (typeof search.after === 'string' && search.after) found.after = search.after;
  return found;
}

function isDay(value: unknown): value is string {
  return typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value) && !Number.isNaN(Date.parse(value));
}

/** The moment at which a day begins here, or `days` later. */
export function beginning(day: string | undefined, days = 0): string | null {
  if (!day) return null;
  const start = new Date(`${day}T00:00:00`);
  start.setDate(start.getDate() + days);
  return start.toISOString();
}
