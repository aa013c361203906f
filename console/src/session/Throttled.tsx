import { Trans } from '@lingui/react/macro';
import { useEffect, useState } from 'react';
import { duration } from '../words/format.ts';

/** After too many failures: how long to wait, counted down for the eye; heard once at its begin and once at its end. */
export function Throttled({ seconds }: { seconds: number }) {
  const [until] = useState(() => Date.now() + 1000 * seconds);
  const [left, setLeft] = useState(seconds);
  useEffect(() => {
    // By the clock: a tab in the background ticks seldom.
    const ticking = setInterval(() => setLeft(Math.max(0, Math.ceil((until - Date.now()) / 1000))), 1000);
    return () => clearInterval(ticking);
  }, [until]);

  if (left === 0) return <div className="notice" role="status"><strong><Trans>You can try again now.</Trans></strong></div>;
  return (
    <div className="notice warn">
      <div role="alert">
        <strong><Trans>Too many sign-ins have failed.</Trans></strong>
        <span className="only-heard"> <Trans>Try again in {duration(seconds)}.</Trans></span>
      </div>
      <p aria-hidden="true"><Trans>Try again in <span className="countdown">{exact(left)}</span>.</Trans></p>
    </div>
  );
}

/** 4:05 min, or 59 s. */
function exact(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')} min`;
}
