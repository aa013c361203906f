// Nobody loses what they typed without being asked.
import { useLingui } from '@lingui/react/macro';
import { useBlocker } from '@tanstack/react-router';

/** While `isDirty`, leaving the page or closing the tab asks first. */
export function useUnsavedGuard(isDirty: boolean): void {
  const { t } = useLingui();
  useBlocker({
    shouldBlockFn: () => isDirty && !window.confirm(t`You have not saved your changes. Leave without saving?`),
    enableBeforeUnload: () => isDirty,
    disabled: !isDirty,
  });
}
