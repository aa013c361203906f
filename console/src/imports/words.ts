import type { MessageDescriptor } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import type { ImportField, ImportFormat, ImportRejectionCode } from '../graphql/generated/index.ts';

export const FORMATS: readonly ImportFormat[] = ['STATUS', 'PATRONS', 'FOLIO', 'KOHA', 'EVERGREEN'];

export const formatWords: Record<ImportFormat, MessageDescriptor> = {
  STATUS: msg`Who is active: username, enabled (CSV)`,
  PATRONS: msg`Patrons (CSV)`,
  FOLIO: msg`Users of FOLIO (JSON)`,
  KOHA: msg`Borrowers of Koha (CSV)`,
  EVERGREEN: msg`Patrons of Evergreen (CSV)`,
};

export const fieldWords: Record<ImportField, MessageDescriptor> = {
  EXTERNAL_ID: msg`Key in the other system`,
  BARCODE: msg`Barcode`,
  USERNAME: msg`Username`,
  FIRST_NAME: msg`First name`,
  MIDDLE_NAME: msg`Middle name`,
  LAST_NAME: msg`Last name`,
  PREFERRED_NAME: msg`Preferred name`,
  DATE_OF_BIRTH: msg`Date of birth`,
  EMAIL: msg`E-mail`,
  PHONE: msg`Phone`,
  STREET: msg`Street`,
  POSTAL_CODE: msg`Postal code`,
  CITY: msg`City`,
  REGION: msg`Region`,
  COUNTRY: msg`Country`,
  CATEGORY: msg`Category`,
  COHORT: msg`Cohort`,
  BRANCH: msg`Branch`,
  LIBRARY: msg`Library`,
  REGISTERED_AT: msg`Registered`,
  EXPIRES_ON: msg`Last day`,
  ENABLED: msg`Enabled`,
  NOTES: msg`Notes`,
};

export const rejectionWords: Record<ImportRejectionCode, MessageDescriptor> = {
  UNREADABLE: msg`Cannot be read`,
  INVALID: msg`Not a valid value`,
  REQUIRED: msg`Missing`,
  DUPLICATE: msg`Twice in the file`,
  UNKNOWN_PATRON: msg`Unknown patron`,
  NOT_FOUND: msg`Not in this library`,
  TAKEN: msg`Somebody else has it`,
  OTHER_LIBRARY: msg`Of another library`,
  PENDING_PURGE: msg`Waits for erasure`,
  FAILED: msg`Failed`,
};
