import { useLingui } from '@lingui/react/macro';
import { useCallback } from 'react';
import { reasonWords } from './words.ts';

/** Returns what says why something was charged: usual codes in words, anything else as staff wrote it. */
export function useReason(): (reason: string) => string {
  const { i18n, t } = useLingui();
  return useCallback((reason) => {
    const words = reasonWords[reason];
    return words ? i18n._(words) : reason || t`No reason given`;
    // The words change with the language.
  }, [i18n, t, i18n.locale]);
}
