// What an address of the trail may say, and the filter that it makes.
import type { ActorKind, AuditFilter } from '../graphql/generated/index.ts';

export const KINDS: readonly ActorKind[] = ['STAFF', 'TOKEN', 'PATRON', 'SYSTEM'];

export interface AuditSearch {
  action?: string;
  actor?: ActorKind;
  subject?: string;
  job?: string;
  from?: string;
  to?: string;
  after?: string;
}

export function auditSearch(search: Record<string, unknown>): AuditSearch {
  const text = (name: string) => (search[name] === undefined || search[name] === '' ? undefined : String(search[name]));
  const day = (name: string) => (/^\d{4}-\d\d-\d\d$/.test(text(name) ?? '') ? text(name) : undefined);
  return {
    action: text('action'),
    actor: KINDS.find((one) => one === search.actor),
    subject: text('subject'),
    job: text('job'),
    from: day('from'),
    to: day('to'),
    after: text('after'),
  };
}

/** Days are the viewer's own, the last one included. */
export function auditFilter(search: AuditSearch): AuditFilter {
  const midnight = (day: string | undefined, later: number) => {
    if (!day) return null;
    const moment = new Date(`${day}T00:00:00`);
    moment.setDate(moment.getDate() + later);
    return moment.toISOString();
  };
  return {
    action: search.action?.trim() || null,
    actorKind: search.actor ?? null,
    subject: search.subject?.trim() || null,
    jobId: search.job?.trim() || null,
    from: midnight(search.from, 0),
    to: midnight(search.to, 1),
  };
}

/** What an event tells, as one line; of a list the first few. */
export function told(detail: readonly { name: string; value?: string | null }[], most = Infinity): string {
  const short = (value: string | null | undefined) => {
    if (!value?.startsWith('[')) return value ?? '–';
    const all: unknown[] = JSON.parse(value);
    return `${all.slice(0, most).map(String).join(' ')}${all.length > most ? ` … (${all.length})` : ''}`;
  };
  return detail.map(({ name, value }) => `${name}: ${short(value)}`).join(', ');
}
