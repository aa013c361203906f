// What the state of a chain means.

/** As many events as the server counts of those that wait; so many means that many or more. */
export const MOST_COUNTED = 10_000;

/** Workers seal once a minute; of what has waited longer `patrongraph audit verify` says NOT_SEALED. */
export const LATE_MINUTES = 15;

/** Whether the first event that waits has waited for too long. */
export function isLate(waitingSince: string | null, now: number): boolean {
  return waitingSince !== null && now - Date.parse(waitingSince) > LATE_MINUTES * 60_000;
}
