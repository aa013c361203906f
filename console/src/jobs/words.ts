import type { MessageDescriptor } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import type { JobKind, JobState } from '../graphql/generated/index.ts';

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
