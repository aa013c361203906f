import type { MessageDescriptor } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import type { ObstacleCode } from '../graphql/generated/index.ts';

/** Each takes `count`. */
export const obstacleWords: Record<ObstacleCode, MessageDescriptor> = {
  OPEN_LOANS: msg({ message: '{count, plural, one {# loan is not returned} other {# loans are not returned}}' }),
  OPEN_RESERVATIONS: msg({ message: '{count, plural, one {# reservation waits} other {# reservations wait}}' }),
  DEBTS: msg({ message: '{count, plural, one {# debt is not settled} other {# debts are not settled}}' }),
  CREDIT_BALANCE: msg`The library owes the patron money`,
  EXPORT_IN_PROGRESS: msg`A download of the data is under way; wait for its end`,
  PROTECTED: msg`The account is kept from deletion`,
  NOT_INACTIVE: msg`The account is not inactive`,
};

/** What the tables of an erasure hold. */
export const tableWords: Record<string, MessageDescriptor> = {
  ledger_entry: msg`Charges and payments`,
  reservation: msg`Reservations`,
  loan: msg`Loans`,
  block: msg`Blocks`,
  privacy_waiver: msg`Privacy waivers`,
  group_membership: msg`Group memberships`,
  rollover_step: msg`Steps of rollovers`,
  card: msg`Cards`,
  address: msg`Addresses`,
  patron_pin: msg`PIN`,
  session: msg`Sign-ins`,
  download_link: msg`Download links`,
  data_export: msg`Downloaded files`,
  import_row: msg`Imported rows`,
  patron: msg`The account itself`,
};
