// What the addresses of a patron's lists may say; anything else is dropped.
import type { DebtState, LoanState, ReservationState } from '../graphql/generated/index.ts';

/** In an address: the list of every state. */
export const ALL = 'ALL';

export const LOAN_STATES = ['OPEN', 'OVERDUE', 'LOST', 'CLOSED', ALL] as const satisfies readonly (LoanState | 'ALL')[];
export const RESERVATION_STATES = ['OPEN', 'FULFILLED', 'CANCELLED', 'EXPIRED', ALL] as const satisfies
  readonly (ReservationState | 'ALL')[];
export const DEBT_STATES = ['OPEN', 'SETTLED', ALL] as const satisfies readonly (DebtState | 'ALL')[];

export interface ListSearch<State> {
  state?: State;
  after?: string;
}

/** Makes the check of a list's address: the states that it knows; the first is the usual one and is not said. */
export function listSearch<State extends string>(states: readonly State[]) {
  return (search: Record<string, unknown>): ListSearch<State> => {
    const found: ListSearch<State> = {};
    const state = states.find((one) => one === search.state);
    if (state && state !== states[0]) found.state = state;
    if (typeof search.after === 'string' && search.after) found.after = search.after;
    return found;
  };
}

/** The state as the API takes it: null for all. */
export function asked<State extends string>(state: State | 'ALL'): State | null {
  return state === ALL ? null : (state as State);
}
