// From rows of the answer to what is drawn: bars in order, each made of parts, no gap in time left out.
import type { StatisticDimension, StatisticRowFragment } from '../graphql/generated/index.ts';

/** Parts told apart by colour; what is beyond is drawn together. */
export const MOST_PARTS = 6;
/** Bars of a list that are drawn, the longest ones. */
export const MOST_BARS = 20;
/** More moments than that are too narrow to see. */
export const MOST_MOMENTS = 400;
/** Key of the part that holds all parts beyond the first ones. */
export const OTHERS = '\u0000';

const MOMENTS: readonly StatisticDimension[] = ['YEAR', 'MONTH', 'DAY'];

export interface Bar {
  key: string;
  total: number;
  /** In the order of the parts of the figures. */
  parts: number[];
}

export interface Figures {
  /** Upright in time, lying for everything else. */
  upright: boolean;
  bars: Bar[];
  /** Keys of the parts; one, OTHERS, where nothing is split. */
  parts: string[];
  /** Bars that are not drawn. */
  left: number;
}

/** The value of a row in one dimension, as a text: empty where it is not known. */
export function keyOf(row: StatisticRowFragment, dimension: StatisticDimension): string {
  switch (dimension) {
    case 'YEAR': return String(row.year ?? '');
    case 'MONTH': return row.month ?? '';
    case 'DAY': return row.day ?? '';
    case 'WEEKDAY': return String(row.weekday ?? '');
    case 'BRANCH': return row.branch?.name ?? '';
    case 'ITEM_BRANCH': return row.itemBranch ? `${row.itemBranch.name} (${row.itemLibrary?.code ?? ''})` : '';
    case 'MATERIAL_TYPE': return row.materialType ?? '';
    case 'CATEGORY': return row.category ?? '';
    case 'COHORT': return row.cohort ?? '';
    case 'LOST': return String(row.declaredLost ?? '');
  }
}

/** Every moment from a day to another, both included, by their first day; years by their number. */
export function moments(dimension: StatisticDimension, from: string, to: string): string[] {
  const found: string[] = [];
  const at = new Date(`${from}T00:00:00Z`);
  if (dimension !== 'DAY') at.setUTCDate(1);
  if (dimension === 'YEAR') at.setUTCMonth(0);
  while (at.toISOString().slice(0, 10) <= to && found.length <= MOST_MOMENTS) {
    const day = at.toISOString().slice(0, 10);
    found.push(dimension === 'YEAR' ? String(at.getUTCFullYear()) : day);
    if (dimension === 'DAY') at.setUTCDate(at.getUTCDate() + 1);
    else if (dimension === 'MONTH') at.setUTCMonth(at.getUTCMonth() + 1);
    else at.setUTCFullYear(at.getUTCFullYear() + 1);
  }
  return found;
}

/** What to draw; undefined when there are too many moments for a picture. */
export function figures(
  rows: readonly StatisticRowFragment[], [by, split]: readonly StatisticDimension[], from: string, to: string,
): Figures | undefined {
  if (!by) return undefined;
  const sums = new Map<string, number>();
  const perBar = new Map<string, Map<string, number>>();
  for (const row of rows) {
    const [key, part] = [keyOf(row, by), split ? keyOf(row, split) : OTHERS];
    sums.set(part, (sums.get(part) ?? 0) + row.loans);
    const bar = perBar.get(key) ?? new Map<string, number>();
    bar.set(part, (bar.get(part) ?? 0) + row.loans);
    perBar.set(key, bar);
  }
  const ranked = [...sums].sort((a, b) => b[1] - a[1]).map(([part]) => part);
  const parts = ranked.length > MOST_PARTS + 1 ? [...ranked.slice(0, MOST_PARTS), OTHERS] : ranked;
  const barOf = (key: string): Bar => {
    const values = parts.map(() => 0);
    for (const [part, loans] of perBar.get(key) ?? []) {
      const at = parts.indexOf(part);
      values[at < 0 ? parts.length - 1 : at]! += loans;
    }
    return { key, parts: values, total: values.reduce((sum, one) => sum + one, 0) };
  };

  const inTime = MOMENTS.includes(by);
  if (inTime || by === 'WEEKDAY') {
    const keys = inTime ? moments(by, from, to) : ['1', '2', '3', '4', '5', '6', '7'];
    return keys.length > MOST_MOMENTS ? undefined : { upright: true, bars: keys.map(barOf), parts, left: 0 };
  }
  const bars = [...perBar.keys()].map(barOf).sort((a, b) => b.total - a.total);
  return { upright: false, bars: bars.slice(0, MOST_BARS), parts, left: Math.max(0, bars.length - MOST_BARS) };
}

/** Round values for an axis from 0 to at least `most`, about four of them. */
export function ticks(most: number): number[] {
  const rough = Math.max(most, 1) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough) ?? rough);
  const found = [];
  for (let at = 0; at < most + step; at += step) found.push(at);
  return found;
}
