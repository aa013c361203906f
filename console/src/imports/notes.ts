import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import type { ImportCountsFragment, ImportNoteCode } from '../graphql/generated/index.ts';
import { number as written } from '../words/format.ts';
import { fieldWords } from './words.ts';

type Note = NonNullable<ImportCountsFragment['import']>['notes'][number];

/** What a note's sentence is made of, in words; '' where it has none. */
interface Said {
  columns: string;
  first: string;
  others: string;
  field: string;
  number: string;
  rows: string;
}

/** What is to be said about a file as a whole. */
const noteWords: Record<ImportNoteCode, MessageDescriptor | ((said: Said) => MessageDescriptor)> = {
  READ_AS_LATIN: msg`The file is not UTF-8 and was read as Latin-1 (Windows-1252); look at letters like å, ä and ö, and save it as UTF-8 when they are wrong.`,
  DAMAGED_TEXT: msg`The file is UTF-8, but not everywhere; the rows that hold other bytes are rejected.`,
  NO_ROWS: msg`There are no rows below the line that names the columns.`,
  FIRST_FILLED: ({ columns, field }) => msg`The first of ${columns} that is filled in becomes the field ${field}.`,
  FIELD_HAS_COLUMN: ({ first, others, field }) => msg`Passed over: ${others}, because ${first} is already the field ${field}.`,
  CREDENTIAL_COLUMNS: ({ columns }) => msg`Passed over: ${columns}. PINs and passwords are never imported, and nothing is kept of rows that cannot be read.`,
  UNKNOWN_COLUMNS: ({ columns }) => msg`Passed over: ${columns}. What they mean is not known; you can say it under “What the columns mean”.`,
  CREDENTIAL_PROPERTIES: ({ columns }) => msg`Passed over: ${columns}. PINs and passwords are never imported.`,
  UNKNOWN_PROPERTIES: ({ columns }) => msg`Passed over: ${columns}. What they mean is not known.`,
  TOTAL_DIFFERS: ({ number, rows }) => (number
    ? msg`totalRecords says ${number}, but the number of users in the file is ${rows}.`
    : msg`totalRecords says something else than the number of users in the file, which is ${rows}.`),
  PATRONS_ERASED: ({ number }) => msg`Rows that were not applied, because their patrons were erased while the import ran: ${number}.`,
};

/** A note in the viewer's language; `rows` is how many the file has. */
export function noteText(note: Note, rows: number): string {
  const words = noteWords[note.code];
  if (typeof words !== 'function') return i18n._(words);
  const { code, field, number } = note;
  const names = note.columns.map((name, at) => nameOf(name, note.places[at]));
  const isCount = code === 'TOTAL_DIFFERS' || code === 'PATRONS_ERASED';
  const columns = isCount || number === null ? names : [...names, furtherOf(note, number)];
  return i18n._(words({
    columns: columns.join(', '),
    first: names.slice(0, 1).join(''),
    others: names.slice(1).join(', '),
    field: field === null ? '' : i18n._(fieldWords[field]),
    number: number === null ? '' : written(number),
    rows: written(rows),
  }));
}

function nameOf(one: string, place: number | undefined): string {
  return one || place === undefined ? i18n._(msg`“${one}”`) : i18n._(msg`column ${place} (without a name)`);
}

/** Those that are not named; of JSON it is not known how many. */
function furtherOf({ columns, places }: Note, all: number): string {
  const more = written(all - columns.length);
  return places.length > 0 ? i18n._(msg`${more} more`) : i18n._(msg`more`);
}
