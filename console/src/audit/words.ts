import type { MessageDescriptor } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import type { ActorKind } from '../graphql/generated/index.ts';

export const actorWords: Record<ActorKind, MessageDescriptor> = {
  STAFF: msg`Staff`,
  TOKEN: msg`Program`,
  PATRON: msg`Patron`,
  SYSTEM: msg`The system`,
  ANONYMOUS: msg`Nobody known`,
};
