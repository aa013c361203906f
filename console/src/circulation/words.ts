// What the desk calls states and reasons.
import type { MessageDescriptor } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import type { LedgerKind, RefusalCode, ReservationState } from '../graphql/generated/index.ts';
import type { DEBT_STATES, LOAN_STATES, RESERVATION_STATES } from './search.ts';

export const loanWords: Record<(typeof LOAN_STATES)[number], MessageDescriptor> = {
  OPEN: msg({ message: 'On loan', context: 'loan' }),
  OVERDUE: msg({ message: 'Overdue', context: 'loan' }),
  LOST: msg({ message: 'Lost', context: 'loan' }),
  CLOSED: msg({ message: 'Returned', context: 'loan' }),
  ALL: msg({ message: 'All', context: 'states' }),
};

export const reservationWords: Record<ReservationState, MessageDescriptor> = {
  OPEN: msg({ message: 'Waiting', context: 'reservation' }),
  FULFILLED: msg({ message: 'Lent', context: 'reservation' }),
  CANCELLED: msg({ message: 'Cancelled', context: 'reservation' }),
  EXPIRED: msg({ message: 'Expired', context: 'reservation' }),
};

export const reservationFilterWords: Record<(typeof RESERVATION_STATES)[number], MessageDescriptor> = {
  ...reservationWords,
  ALL: msg({ message: 'All', context: 'states' }),
};

export const debtWords: Record<(typeof DEBT_STATES)[number], MessageDescriptor> = {
  OPEN: msg({ message: 'Owed', context: 'debt' }),
  SETTLED: msg({ message: 'Settled', context: 'debt' }),
  ALL: msg({ message: 'All', context: 'states' }),
};

export const ledgerWords: Record<LedgerKind, MessageDescriptor> = {
  CHARGE: msg`Charge`,
  PAYMENT: msg`Payment`,
  WAIVE: msg`Waived`,
  WRITE_OFF: msg`Written off`,
  REFUND: msg`Refund`,
};

export const refusalWords: Record<RefusalCode, MessageDescriptor> = {
  MANUAL: msg`The patron is blocked by staff.`,
  DEBT: msg`The patron owes too much.`,
  INACTIVE: msg`The account is not in use.`,
  EXPIRED: msg`The account has expired.`,
  CARD_INACTIVE: msg`The card is not active any more; use the patron's present card.`,
  ON_LOAN: msg`The item is on loan.`,
  ON_LOAN_ELSEWHERE: msg`Another library has lent the item; that library or its owner takes it back.`,
  LOST: msg`The item is recorded as lost; take it back first when it is here.`,
  WITHDRAWN: msg`The item was withdrawn from the collection.`,
  NOT_AVAILABLE: msg`The item is not available.`,
  RESERVED_BY_ANOTHER: msg`Somebody else has reserved the item and is first in the queue.`,
  ALREADY_BORROWED: msg`The patron has the item on loan already.`,
  ALREADY_RESERVED: msg`The patron has an open reservation for the item already.`,
  NOT_ON_LOAN: msg`The loan is closed.`,
  NO_RENEWALS_LEFT: msg`The loan cannot be renewed any more.`,
  TOO_EARLY: msg`A renewal now would not move the due date.`,
  NOT_OPEN: msg`The reservation is not open any more.`,
};

/** Codes that other systems bring along; staff write what they like. */
export const reasonWords: Record<string, MessageDescriptor> = {
  OVERDUE: msg`Returned late`,
  LOST_ITEM: msg`Lost item`,
  DAMAGED_ITEM: msg`Damaged item`,
  RESERVATION_FEE: msg`Fee for a reservation`,
  CARD_FEE: msg`Fee for a card`,
};
