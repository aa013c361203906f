import type { MessageDescriptor } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import type { UndoObstacle } from '../graphql/generated/index.ts';

export const undoObstacleWords: Record<UndoObstacle, MessageDescriptor> = {
  RUNNING: msg`It has not ended yet.`,
  ALREADY_UNDONE: msg`It was taken back.`,
  UNDO_RUNNING: msg`It is just being taken back.`,
  PURGED_SINCE: msg`A purge was started after it, so it stays.`,
  LATER_ROLLOVER: msg`A later year was rolled over since: take that back first.`,
};
