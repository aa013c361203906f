import type { MessageDescriptor } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import type { PatronSort, PatronStatus } from '../graphql/generated/index.ts';

export const statusWords: Record<PatronStatus, MessageDescriptor> = {
  ACTIVE: msg`Active`,
  INACTIVE: msg`Inactive`,
  PENDING_PURGE: msg`Waits for erasure`,
};

export const sortWords: Record<PatronSort, MessageDescriptor> = {
  NAME: msg`Name, A to Z`,
  NAME_DESCENDING: msg`Name, Z to A`,
  NEWEST: msg`Newest first`,
  OLDEST: msg`Oldest first`,
};
