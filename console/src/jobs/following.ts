import { useEffect, useRef } from 'react';

const AT_MOST_EVERY = 1_000; // milliseconds between two looks at a list while its job goes on

/** Asks for a list again after each change of its job's version, but not more often than that. */
export function useFollowing(version: number, again: (options: { requestPolicy: 'network-only' }) => void): void {
  const seen = useRef(version);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    if (version === seen.current || timer.current !== undefined) return;
    timer.current = setTimeout(() => {
      timer.current = undefined;
      again({ requestPolicy: 'network-only' });
    }, AT_MOST_EVERY);
    seen.current = version;
  }, [version, again]);
  useEffect(() => () => {
    clearTimeout(timer.current);
    timer.current = undefined;
  }, []);
}
