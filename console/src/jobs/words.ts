import type { MessageDescriptor } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import type { JobItemState, JobKind, JobState, Permission } from '../graphql/generated/index.ts';
import type { Tone } from '../ui/Chip.tsx';

export const jobKindWords: Record<JobKind, MessageDescriptor> = {
  PURGE: msg`Purge`,
  EXPORT_PATRON: msg`Patron data`,
  EXPORT_PATRONS: msg`Data of many patrons`,
  IMPORT: msg`Import`,
  ROLLOVER: msg`End of the school year`,
  UNDO_ROLLOVER: msg`Taking back the end of the school year`,
};

export const jobStateWords: Record<JobState, MessageDescriptor> = {
  QUEUED: msg`waits`,
  RUNNING: msg`runs`,
  PAUSED: msg`is paused`,
  SUCCEEDED: msg`is done`,
  COMPLETED_WITH_ISSUES: msg`is done, with exceptions`,
  CANCELLED: msg`was ended early`,
  FAILED: msg`failed`,
};

export const jobStateTones: Record<JobState, Tone> = {
  QUEUED: 'plain',
  RUNNING: 'accent',
  PAUSED: 'warn',
  SUCCEEDED: 'good',
  COMPLETED_WITH_ISSUES: 'warn',
  CANCELLED: 'plain',
  FAILED: 'danger',
};

/** Who may start a kind of job may also stop it. */
export const jobPermissions: Record<JobKind, Permission> = {
  PURGE: 'PATRONS_PURGE',
  EXPORT_PATRON: 'PATRONS_DOWNLOAD_DATA',
  EXPORT_PATRONS: 'PATRONS_DOWNLOAD_DATA',
  IMPORT: 'PATRONS_IMPORT',
  ROLLOVER: 'COHORTS_ROLL_OVER',
  UNDO_ROLLOVER: 'COHORTS_ROLL_OVER',
};

export const itemStateWords: Record<JobItemState, MessageDescriptor> = {
  PENDING: msg`Not reached`,
  DONE: msg`Done`,
  SKIPPED: msg`Left alone`,
  FAILED: msg`Not possible`,
  CANCELLED: msg`Ended before`,
};

export const itemStateTones: Record<JobItemState, Tone> = {
  PENDING: 'plain',
  DONE: 'good',
  SKIPPED: 'warn',
  FAILED: 'danger',
  CANCELLED: 'plain',
};

/** Why a patron was left alone: the obstacles of an erasure, and what happened meanwhile. */
export const codeWords: Record<string, MessageDescriptor> = {
  OPEN_LOANS: msg`Has items on loan`,
  OPEN_RESERVATIONS: msg`Has open reservations`,
  DEBTS: msg`Owes something`,
  CREDIT_BALANCE: msg`Has a credit balance`,
  EXPORT_IN_PROGRESS: msg`Patron data is being written`,
  PROTECTED: msg`Is protected`,
  NOT_INACTIVE: msg`Is not inactive`,
  ALREADY_GONE: msg`Was gone already`,
  ALREADY_PENDING: msg`Waited for erasure already`,
  RESTORED: msg`Was restored before`,
  ALREADY_INACTIVE: msg`Was inactive already`,
  COHORT_CHANGED: msg`Was in another cohort by then`,
  COHORT_GONE: msg`Its next cohort was gone`,
  STATUS_CHANGED: msg`Somebody changed the status meanwhile`,
  PENDING_PURGE: msg`Waits for erasure`,
};
