// What is wrong with a field, in the viewer's language. The server's own sentences are English.
import type { MessageDescriptor } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import { useLingui } from '@lingui/react/macro';
import type { Problem } from '../graphql/action.ts';
import { wrongWith } from '../ui/ProblemNotice.tsx';
import { problemWords } from '../words/problems.ts';

const NAME = msg`At most 200 characters; a given name or a family name is needed.`;

/** The rule of each field, by the last part of its path. */
const rules: Record<string, MessageDescriptor> = {
  firstName: NAME,
  middleName: NAME,
  lastName: NAME,
  preferredName: msg`At most 200 characters.`,
  dateOfBirth: msg`Not in the future, and at most 130 years back.`,
  email: msg`Written like anna@example.org.`,
  phone: msg`At most 60 characters.`,
  barcode: msg`1 to 100 letters, digits and signs, without accents or spaces.`,
  username: msg`At most 100 characters, without spaces.`,
  category: msg`At most 100 characters.`,
  expiresOn: msg`Within 100 years, and for a new account not in the past.`,
  notes: msg`At most 10,000 characters.`,
  pin: msg`4 to 12 digits, not all the same and not a sequence.`,
  comment: msg`At most 2000 characters.`,
  reason: msg`At most 2000 characters.`,
  message: msg`At most 500 characters.`,
  expiresAt: msg`A block ends in the future.`,
  addresses: msg`At most 10 addresses.`,
};

/** Returns what is wrong with the field of a path below `input`; a barcode or name that is taken is wrong as well. */
export function useWrong(problem: Problem | undefined): (path: string) => string | undefined {
  const { t, i18n } = useLingui();
  return (path) => {
    const name = path.split('.').at(-1) ?? '';
    const isTaken = problem && 'field' in problem && problem.field === `input.${path}`;
    if (isTaken) return i18n._(problemWords[problem.code]);
    const said = wrongWith(problem, path);
    if (said === undefined || i18n.locale === 'en') return said;
    const rule = rules[name];
    if (rule) return i18n._(rule);
    return /^\d+$/.test(name) ? t`An address needs at least one of its lines.` : t`Too long, or with a sign that cannot be shown.`;
  };
}
