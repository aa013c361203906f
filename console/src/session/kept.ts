// What a browser keeps for one member of staff: choices of view, and ids. Never a name or anything else about a patron.
import { useCallback, useMemo, useSyncExternalStore } from 'react';
import { useViewer } from './session.tsx';

export type KeptName = 'recent' | 'filters' | 'columns';

/** Gone with the sign-out: whom somebody looked at is of no concern to the next at this computer. */
const UNTIL_SIGN_OUT: readonly KeptName[] = ['recent'];

const watchers = new Set<() => void>();

function key(staffId: string, name: KeptName): string {
  return `patrongraph.${staffId}.${name}`;
}

function tellAll(): void {
  for (const tell of watchers) tell();
}

function watch(tell: () => void): () => void {
  watchers.add(tell);
  window.addEventListener('storage', tell);
  return () => {
    watchers.delete(tell);
    window.removeEventListener('storage', tell);
  };
}

export function forgetAtSignOut(staffId: string): void {
  for (const name of UNTIL_SIGN_OUT) localStorage.removeItem(key(staffId, name));
  tellAll();
}

/** The value kept under a name, as `read` makes it of whatever is stored, and how to keep another. */
export function useKept<Value>(name: KeptName, read: (stored: unknown) => Value): [Value, (value: Value) => void] {
  const place = key(useViewer().user.id, name);
  const stored = useSyncExternalStore(watch, () => localStorage.getItem(place));
  const value = useMemo(() => read(parsed(stored)), [read, stored]);
  const keep = useCallback(
    (next: Value) => {
      localStorage.setItem(place, JSON.stringify(next instanceof Set ? [...next] : next));
      tellAll();
    },
    [place],
  );
  return [value, keep];
}

function parsed(stored: string | null): unknown {
  try {
    return JSON.parse(stored ?? 'null');
  } catch {
    return null;
  }
}
