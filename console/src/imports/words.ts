import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import type { FileReason, FileRefusalFragment, ImportField, ImportFormat, ImportRejectionCode, InputReason } from '../graphql/generated/index.ts';
import { number } from '../words/format.ts';
import { reasonText } from '../words/reasons.ts';

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

/** The same as sentences that say what would be right; of INVALID and UNREADABLE the reason has them. */
const rejectionSentences: Record<ImportRejectionCode, MessageDescriptor> = {
  UNREADABLE: msg`This row cannot be read.`,
  INVALID: msg`This value is not one that belongs here.`,
  REQUIRED: msg`This is needed and is not there.`,
  DUPLICATE: msg`An earlier line says the same; it may be there once.`,
  UNKNOWN_PATRON: msg`No patron of this library has it; a new patron needs a barcode or a key in the other system.`,
  NOT_FOUND: msg`This library has none with this code.`,
  TAKEN: msg`Another patron has it; choose another.`,
  OTHER_LIBRARY: msg`The row is about another library; import it there.`,
  PENDING_PURGE: msg`The patron waits for erasure; restore the patron first.`,
  FAILED: msg`The row could not be applied; an operator finds more in the log.`,
};

/** Where the field makes more of the code. */
const particular: Partial<Record<`${ImportField | 'ROW' | 'STATUS'} ${ImportRejectionCode}`, MessageDescriptor>> = {
  'ROW REQUIRED': msg`It names nobody; give a key in the other system, a barcode or a username.`,
  'ROW DUPLICATE': msg`An earlier line is about the same patron; a patron has one row.`,
  'LAST_NAME REQUIRED': msg`A given name or a family name is needed.`,
  'USERNAME REQUIRED': msg`It is empty; it says whom the row is about.`,
  'ENABLED REQUIRED': msg`It is empty; write TRUE or FALSE.`,
  'STATUS UNKNOWN_PATRON': msg`No patron of this library has it.`,
  'BRANCH NOT_FOUND': msg`This library has no branch with this code.`,
  'COHORT NOT_FOUND': msg`This library has no cohort with this code.`,
  'BARCODE TAKEN': msg`It is another patron's card; use another card.`,
};

interface RowProblem {
  code: ImportRejectionCode;
  reason: InputReason | null;
  limit: number | null;
  firstLine: number | null;
  column: string | null;
}

/** What is wrong with a row, in the viewer's language; `field` is what its column means. */
export function rejectionText(
  { code, reason, limit, firstLine, column }: RowProblem, field: ImportField | undefined, format: ImportFormat,
): string {
  if (reason) return reasonText(reason, limit);
  const about = code === 'UNKNOWN_PATRON' && format === 'STATUS' ? 'STATUS' : column === null ? 'ROW' : field;
  const said = i18n._((about && particular[`${about} ${code}`]) ?? rejectionSentences[code]);
  if (firstLine === null) return said;
  return `${said} ${i18n._(msg`The earlier line is ${number(firstLine)}.`)}`;
}

type About = (columns: string, limit: string) => MessageDescriptor;

/** Why nothing of a file can be imported; `columns` are named as in the file. */
const fileWords: Record<FileReason, MessageDescriptor | About> = {
  EMPTY: msg`The file is empty; choose the one that holds the patrons.`,
  NO_HEADER: msg`No line names the columns; the first one must.`,
  NO_ROWS: msg`There are no rows below the line that names the columns.`,
  TOO_MANY_ROWS: (_, limit) => msg`There are more than ${limit} rows, the most that one import takes; split the file.`,
  TOO_LONG: (_, limit) => msg`The first line is longer than ${limit} bytes; it must name the columns.`,
  ENCODING: msg`The text cannot be read; save the file as CSV in UTF-8.`,
  BAD_QUOTE: msg`There is a quote in the wrong place in the line that names the columns.`,
  COLUMN_MISSING: (columns) => msg`These columns are missing: ${columns}. The first line must name them; of those with a slash between them one will do.`,
  COLUMN_TWICE: (columns) => msg`This column is there twice: ${columns}. It may be there once.`,
  MAPPING: (columns) => (columns
    ? msg`What you said of these columns cannot be so: ${columns}.`
    : msg`What you said of the columns does not fit this file; leave that out, or look at its first line.`),
  NOT_JSON: msg`This is not JSON, or it breaks somewhere; write the file anew.`,
  NOT_THE_FORMAT: msg`The file is not built as this format is; see that you have chosen the right one.`,
  UNREADABLE: msg`The file cannot be read.`,
};

/** Why a file was refused, in the viewer's language. */
export function fileText({ reason, columns, limit }: FileRefusalFragment): string {
  const words = fileWords[reason];
  const named = columns.map((one) => i18n._(msg`“${one}”`)).join(', ');
  return i18n._(typeof words === 'function' ? words(named, limit === null ? '' : number(limit)) : words);
}
