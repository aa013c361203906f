import { useLingui } from '@lingui/react/macro';
import { useEffect, useState, type ReactNode } from 'react';
import { number } from '../words/format.ts';

interface Props {
  label: string;
  total: number;
  /** Settled: done, skipped, failed and cancelled together. */
  settled: number;
  failed?: number;
  isFinished: boolean;
  /** The label as it is seen, when it is more than a text. */
  children?: ReactNode;
}

/** A bar with its words; heard at each tenth, and once when something fails first. */
export function Progress({ label, total, settled, failed = 0, isFinished, children }: Props) {
  const { t } = useLingui();
  const share = total > 0 ? Math.floor((settled / total) * 100) : isFinished ? 100 : 0;
  const tenth = isFinished ? 10 : Math.floor(share / 10);
  const hasFailed = failed > 0;
  const [heard, setHeard] = useState('');
  const percent = tenth * 10;
  useEffect(() => setHeard(`${label}: ${percent} %`), [label, percent]);
  return (
    <div className="progress">
      <div className="progress-words">
        <span>{children ?? label}</span>
        <span className="number">{t`${number(settled)} of ${number(total)}`} · {share} %</span>
      </div>
      <div role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={share}
           aria-valuetext={t`${number(settled)} of ${number(total)}`} className={hasFailed ? 'bar failed' : 'bar'}>
        <i style={{ inlineSize: `${share}%` }} />
      </div>
      <span role="status" className="only-heard">{heard}</span>
      {hasFailed && <span role="alert" className="only-heard">{t`Some could not be done.`}</span>}
    </div>
  );
}
