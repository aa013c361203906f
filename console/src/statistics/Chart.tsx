// The picture beside the table: a drawing of our own, for a bar is a rectangle and the console has little room.
import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useEffect, useRef, useState } from 'react';
import type { StatisticDimension } from '../graphql/generated/index.ts';
import { number } from '../words/format.ts';
import { ticks, type Bar, type Figures } from './figures.ts';
import { valueWords } from './words.ts';

const HEIGHT = 250;
const FOOT = 24;
const HEAD = 10;
const ROW = 30;
// Width of a digit, and of a letter at its widest.
const DIGIT = 6.8;
const LETTER = 7.8;

interface Drawing {
  figures: Figures;
  by: StatisticDimension;
  split: StatisticDimension | undefined;
}

export function Chart({ figures, by, split }: Drawing) {
  const { t, i18n } = useLingui();
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const longest = figures.bars.reduce<Bar | undefined>((most, bar) => (most && most.total >= bar.total ? most : bar), undefined);
  const name = longest ? valueWords(i18n, by, longest.key) : '';
  const about = longest
    ? t`Loans in ${number(figures.bars.length)} bars; the longest is ${name} with ${number(longest.total)}. The table has every number.`
    : '';
  const drawing = { figures, by, split, width };
  return (
    <figure className="chart card">
      {split && (
        <ul className="legend">
          {figures.parts.map((part, at) => <li key={part}><i className={`part-${at}`} />{valueWords(i18n, split, part)}</li>)}
        </ul>
      )}
      <div ref={frame}>
        {width > 0 && (
          <svg role="img" aria-label={about} width={width}
               height={figures.upright ? HEIGHT : figures.bars.length * ROW + 4}>
            {figures.upright ? <Upright {...drawing} /> : <Lying {...drawing} />}
          </svg>
        )}
      </div>
      {figures.left > 0 && (
        <figcaption className="soft">
          <Plural value={figures.left} one="# more is in the table." other="# more are in the table." />
        </figcaption>
      )}
    </figure>
  );
}

function Upright({ figures, by, split, width }: Drawing & { width: number }) {
  const { i18n } = useLingui();
  const most = Math.max(1, ...figures.bars.map((bar) => bar.total));
  const axis = ticks(most);
  const top = axis.at(-1) ?? most;
  const left = number(top).length * DIGIT + 14;
  const step = (width - left) / Math.max(1, figures.bars.length);
  const thick = Math.min(56, Math.max(1, step * 0.72));
  const y = (value: number) => HEIGHT - FOOT - (value / top) * (HEIGHT - FOOT - HEAD);
  const each = Math.max(1, Math.ceil(52 / step));
  return (
    <>
      {axis.map((value) => (
        <g key={value}>
          <line x1={left} x2={width} y1={y(value)} y2={y(value)} className={value === 0 ? 'axis zero' : 'axis'} />
          <text x={left - 8} y={y(value) + 4} textAnchor="end">{number(value)}</text>
        </g>
      ))}
      {figures.bars.map((bar, at) => {
        const middle = left + step * (at + 0.5);
        return (
          <g key={bar.key}>
            <Parts bar={bar} figures={figures} by={by} split={split}
                   place={(from, to) => ({ x: middle - thick / 2, width: thick, y: y(to), height: Math.max(0, y(from) - y(to)) })} />
            {at % each === 0 && <text x={middle} y={HEIGHT - 6} textAnchor="middle">{valueWords(i18n, by, bar.key, true)}</text>}
          </g>
        );
      })}
    </>
  );
}

function Lying({ figures, by, split, width }: Drawing & { width: number }) {
  const { i18n } = useLingui();
  const most = Math.max(1, ...figures.bars.map((bar) => bar.total));
  const names = figures.bars.map((bar) => valueWords(i18n, by, bar.key));
  const left = Math.min(width * 0.4, Math.max(...names.map((name) => name.length), 4) * LETTER + 12);
  const right = number(most).length * DIGIT + 12;
  const x = (value: number) => left + (value / most) * (width - left - right);
  const letters = Math.floor((left - 12) / LETTER);
  return figures.bars.map((bar, at) => {
    const name = names[at] ?? '';
    const middle = at * ROW + ROW / 2 + 4;
    return (
      <g key={bar.key}>
        <text x={left - 10} y={middle} textAnchor="end">{name.length > letters ? `${name.slice(0, letters - 1)}…` : name}</text>
        <Parts bar={bar} figures={figures} by={by} split={split}
               place={(from, to) => ({ y: at * ROW + 5, height: ROW - 10, x: x(from), width: Math.max(0, x(to) - x(from)) })} />
        <text x={x(bar.total) + 8} y={middle} className="value">{number(bar.total)}</text>
      </g>
    );
  });
}

function Parts({ bar, figures, by, split, place }: Drawing & {
  bar: Bar;
  place(from: number, to: number): { x: number; y: number; width: number; height: number };
}) {
  const { i18n } = useLingui();
  let reached = 0;
  return bar.parts.map((loans, at) => {
    if (loans === 0) return null;
    const from = reached;
    reached += loans;
    const part = figures.parts[at] ?? '';
    const words = [valueWords(i18n, by, bar.key), split && valueWords(i18n, split, part), number(loans)];
    return <rect key={part} {...place(from, reached)} className={`part-${at}`}><title>{words.filter(Boolean).join(' · ')}</title></rect>;
  });
}

/** Instead of a picture, when there would be more bars than can be told apart. */
export function TooNarrow() {
  return <p className="notice"><Trans>These are too many days to draw: the table has them, or group by month.</Trans></p>;
}

function useWidth(frame: React.RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = frame.current;
    if (!element) return undefined;
    const observer = new ResizeObserver(() => setWidth(Math.floor(element.clientWidth)));
    observer.observe(element);
    return () => observer.disconnect();
  }, [frame]);
  return width;
}
