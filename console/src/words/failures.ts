// What an error means in the viewer's language, by the code that the server gives it.
import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import type { CombinedError } from 'urql';
import { number } from './format.ts';

type Entry = CombinedError['graphQLErrors'][number];

const failureWords: Record<string, (extensions: Entry['extensions']) => MessageDescriptor> = {
  FORBIDDEN: ({ permission }) => (permission ? msg`It takes the permission ${String(permission)}.` : msg`Your account may not do this.`),
  RATE_LIMITED: ({ retryAfter }) => (typeof retryAfter === 'number'
    ? msg`Much was asked in a short time. Try again in ${number(retryAfter)} s.`
    : msg`Much was asked in a short time. Try again a little later.`),
  COST_EXCEEDED: () => msg`Too much was asked for at once.`,
  LIMIT_EXCEEDED: () => msg`Too much was asked for at once.`,
  TIMEOUT: () => msg`It took longer than is allowed. Ask for less at once, or try again.`,
  UNAVAILABLE: () => msg`The database is not available at the moment. Try again.`,
  INTERNAL: () => msg`Something went wrong on the server. Give your administrator the number.`,
};

/** Returns undefined for what has no words here; in English the server's own sentence, which has the particulars. */
export function failureText({ message, extensions }: Entry): string | undefined {
  if (i18n.locale === 'en') return message;
  const words = failureWords[String(extensions.code)];
  return words && i18n._(words(extensions));
}
