// Why a value was refused, in the viewer's language. The server's own sentence is English.
import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import type { InputReason, ProblemPartsFragment } from '../graphql/generated/index.ts';
import { number } from './format.ts';
import { problemWords } from './problems.ts';

/** One of the fields of an InvalidInput. */
export type InvalidField = Extract<ProblemPartsFragment, { fields: unknown }>['fields'][number];

type Bounded = (limit: string) => MessageDescriptor;

/** What each reason asks for; `limit` is its bound, '' where it has none. */
const reasonWords: Record<InputReason, MessageDescriptor | Bounded> = {
  REQUIRED: msg`This is needed.`,
  TOO_SHORT: (limit) => msg`At least ${limit} characters.`,
  TOO_LONG: (limit) => msg`At most ${limit} characters.`,
  TOO_MANY: (limit) => msg`At most ${limit} of them.`,
  TOO_SMALL: (limit) => (limit ? msg`At least ${limit}.` : msg`More than 0.`),
  TOO_LARGE: (limit) => (limit ? msg`At most ${limit}.` : msg`That is too much.`),
  TOO_PRECISE: (limit) => msg`At most ${limit} decimals.`,
  NOT_PRINTABLE: msg`There is a character in it that cannot be shown; remove it.`,
  NOT_A_BARCODE: msg`Only letters from a to z, digits and signs, and no spaces.`,
  NOT_AN_EMAIL: msg`An e-mail address is written like anna@example.org.`,
  NOT_A_CODE: msg`That is not such a code.`,
  NOT_DIGITS: msg`Digits and nothing else.`,
  NOT_A_DATE: msg`A date is written with year, month and day, such as 2026-08-31.`,
  NOT_A_TIME: msg`A time is written like 2026-08-31 15:30:00+02, with the offset from UTC.`,
  NOT_A_FLAG: msg`Write TRUE or FALSE.`,
  HAS_SPACE: msg`No spaces.`,
  IN_FUTURE: msg`Not in the future.`,
  IN_PAST: msg`Not in the past.`,
  TOO_FAR: (limit) => msg`At most ${limit} years from today.`,
  UNKNOWN: msg`Your library has no such.`,
  TAKEN: msg`This is in use already; choose another.`,
  GUESSABLE: msg`Too easy to guess; choose another.`,
  REPEATED: msg`The same is there twice.`,
  CONTRADICTION: msg`This does not go together with the rest.`,
  NOT_ALLOWED: msg`This is not allowed here.`,
  LAST_ONE: msg`Nobody could manage the staff any more; give somebody else that permission first.`,
  BAD_QUOTE: msg`A quote is not closed or in the wrong place; quote the whole cell and write a quote inside it twice.`,
  COLUMN_COUNT: (limit) => msg`Another number of columns than in the first line, which has ${limit}.`,
  ENCODING: msg`There are bytes in it that are no text; save the file as UTF-8.`,
  WRONG_KIND: msg`Not the kind of value that belongs here, such as a list instead of a text.`,
};

/** Where the field makes more of the reason: by the last name of its path. */
const particular: Record<string, MessageDescriptor> = {
  'lastName REQUIRED': msg`A given name or a family name is needed.`,
  'addresses REQUIRED': msg`An address needs at least one of its lines.`,
  'permissions REQUIRED': msg`Name at least one permission.`,
  'patronIds REQUIRED': msg`Name at least one patron.`,
  'loanIds REQUIRED': msg`Name all open loans of the patron.`,
  'username TAKEN': msg`Somebody else has this username.`,
  'name TAKEN': msg`Another role has this name.`,
  'id NOT_ALLOWED': msg`You cannot disable your own account; let a colleague do it.`,
  'permissions NOT_ALLOWED': msg`You cannot give permissions that you do not have.`,
  'roles NOT_ALLOWED': msg`You cannot give permissions that you do not have.`,
  'roleIds NOT_ALLOWED': msg`You cannot give permissions that you do not have.`,
  'patronIds NOT_ALLOWED': msg`Some of them wait for erasure; restore them first.`,
  'into CONTRADICTION': msg`The patron is in no group; choose a member of the group, or somebody else to move.`,
  'nextCohortId CONTRADICTION': msg`The graduated cohort is the end of the chain; it has no next one.`,
  'locale NOT_A_CODE': msg`A language is a code such as en or sv.`,
};

/** Reasons of which the server's sentence says more: which permissions, for example. */
const ASK_THE_SERVER: readonly InputReason[] = ['NOT_ALLOWED', 'CONTRADICTION', 'UNKNOWN', 'NOT_A_CODE'];

/** What fields are called in a notice that lists them; those of forms that say it under each field need no name. */
const fieldNames: Record<string, MessageDescriptor> = {
  name: msg`Name`,
  code: msg`Code`,
  username: msg`Username`,
  displayName: msg`Name that colleagues see`,
  password: msg`Password`,
  roles: msg`Roles`,
  roleIds: msg`Roles`,
  permissions: msg`Permissions`,
  amount: msg`Amount`,
  reason: msg`Reason`,
  note: msg`Note`,
  dueAt: msg`Due`,
};

/** The last name of a path; of one item of a list the list's. */
function lastName(path: string): string {
  return path.split('.').filter((part) => !/^\d+$/.test(part)).at(-1) ?? '';
}

/** A reason in the viewer's language; `name` is the field's or column's own, for what it makes of the reason. */
export function reasonText(reason: InputReason, limit: number | null, name = ''): string {
  const words = particular[`${name} ${reason}`] ?? reasonWords[reason];
  const bound = limit === null ? '' : name === 'year' ? String(limit) : number(limit);
  return i18n._(typeof words === 'function' ? words(bound) : words);
}

/** What is wrong with an input field; in the English console with the server's sentence where that says more. */
export function invalidText({ field, code, reason, limit, message }: InvalidField): string {
  if (code !== 'INVALID_INPUT' && code !== 'NOT_FOUND') return i18n._(problemWords[code]);
  const name = lastName(field);
  const said = reasonText(reason, limit, name);
  const isMore = i18n.locale === 'en' && ASK_THE_SERVER.includes(reason) && !(`${name} ${reason}` in particular);
  return isMore ? `${said} ${message}` : said;
}

/** What a field is called, where that is known. */
export function fieldName(path: string): string | undefined {
  const words = fieldNames[lastName(path)];
  return words && i18n._(words);
}
