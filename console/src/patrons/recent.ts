// Which patrons were opened last in this browser: ids only; names are asked of the server, by those who may.
import { useRouterState } from '@tanstack/react-router';
import { useCallback, useEffect } from 'react';
import { useKept } from '../session/kept.ts';
import { withFirst } from './lists.ts';

export const RECENT = 6;

function ids(stored: unknown): readonly string[] {
  return Array.isArray(stored) ? stored.filter((one): one is string => /^pat_\d+$/.test(String(one))).slice(0, RECENT) : [];
}

export function useRecentIds(): [readonly string[], () => void] {
  const [recent, keep] = useKept('recent', ids);
  return [recent, useCallback(() => keep([]), [keep])];
}

/** Keeps in mind each patron whose page is opened; for the shell, which sees all pages. */
export function useRememberPatrons(): void {
  const [recent, keep] = useKept('recent', ids);
  const opened = useRouterState({
    select: ({ matches }) => matches.map((match) => ('id' in match.params && match.routeId.startsWith('/shell/patrons/$id') ? match.params.id : '')).find(Boolean),
  });
  useEffect(() => {
    if (opened && opened !== recent[0]) keep(withFirst(recent, opened, RECENT));
    // Only when a patron is opened: what another tab opens is no reason.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [opened]);
}
