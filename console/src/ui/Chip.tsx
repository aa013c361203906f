import type { ReactNode } from 'react';

export type Tone = 'plain' | 'accent' | 'good' | 'warn' | 'danger';

const SIGNS: Record<Tone, string> = { plain: '', accent: '●', good: '✓', warn: '▲', danger: '✕' };

/** A short state, told by its words and a sign beside the colour. */
export function Chip({ tone = 'plain', children }: { tone?: Tone; children: ReactNode }) {
  return (
    <span className={`chip ${tone}`}>
      {SIGNS[tone] && <span aria-hidden="true">{SIGNS[tone]}</span>}
      {children}
    </span>
  );
}
