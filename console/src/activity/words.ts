// What was done to a patron, as people say it. The trail itself has codes.
import type { MessageDescriptor } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import type { ActorKind } from '../graphql/generated/index.ts';

export const actionWords: Record<string, MessageDescriptor> = {
  'patron.register': msg`Registered`,
  'patron.edit': msg`Edited`,
  'patron.set_pin': msg`PIN set or removed`,
  'patron.wrong_pin': msg`Wrong PIN`,
  'patron.lock_pin': msg`PIN locked after wrong tries`,
  'patron.block': msg`Blocked`,
  'patron.unblock': msg`Block lifted`,
  'patron.deactivate': msg`Deactivated`,
  'patron.reactivate': msg`Reactivated`,
  'patron.change_cohort': msg`Moved to another cohort`,
  'patron.loans_lost': msg`Loans marked as lost`,
  'patron.delete': msg`Deletion asked for`,
  'patron.restore': msg`Kept from erasure`,
  'desk.check_out': msg`Lent`,
  'desk.check_in': msg`Returned`,
  'desk.renew': msg`Renewed`,
  'desk.reserve': msg`Reserved`,
  'desk.cancel_reservation': msg`Reservation cancelled`,
  'desk.charge': msg`Charged`,
  'desk.pay': msg`Payment taken`,
  'desk.waive': msg`Debt waived`,
  'group.move': msg`Moved to a group`,
  'group.remove': msg`Taken out of the group`,
  'group.waiver.grant': msg`Consent to the lead written down`,
  'group.waiver.revoke': msg`Consent to the lead ended`,
  'export.request': msg`Data asked for`,
  'export.ready': msg`Data file made`,
  'export.link': msg`Link to the data file made`,
  'export.download': msg`Data file fetched`,
  'export.expire': msg`Data file expired`,
  'export.failed': msg`Data file could not be made`,
  'export.damaged': msg`Data file found damaged`,
  'session.open': msg`Signed in`,
  'session.close': msg`Signed out`,
};

export const actorWords: Record<ActorKind, MessageDescriptor> = {
  STAFF: msg`Staff`,
  TOKEN: msg`A program`,
  PATRON: msg`The patron`,
  SYSTEM: msg`The system`,
  ANONYMOUS: msg`Somebody not signed in`,
};
