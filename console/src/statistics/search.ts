// What an address of the statistics may say, and what it asks of the API and of the address of the CSV.
import type { StatisticDimension, StatisticFilter } from '../graphql/generated/index.ts';

export const DIMENSIONS: readonly StatisticDimension[] = [
  'MONTH', 'YEAR', 'DAY', 'WEEKDAY', 'BRANCH', 'ITEM_BRANCH', 'MATERIAL_TYPE', 'CATEGORY', 'COHORT', 'LOST',
];
/** In place of an empty text, which an address cannot say: a material that is not known, no category. */
export const UNKNOWN = '~';

export interface StatisticsSearch {
  from?: string;
  to?: string;
  by?: StatisticDimension;
  split?: StatisticDimension;
  branch?: string;
  material?: string;
  category?: string;
  cohort?: string;
  lost?: 'yes' | 'no';
}

export function statisticsSearch(search: Record<string, unknown>): StatisticsSearch {
  const text = (name: string) => (search[name] === undefined || search[name] === '' ? undefined : String(search[name]));
  const day = (name: string) => {
    const given = text(name);
    return given && isDay(given) ? given : undefined;
  };
  return {
    from: day('from'),
    to: day('to'),
    by: DIMENSIONS.find((one) => one === search.by),
    split: DIMENSIONS.find((one) => one === search.split),
    branch: text('branch'),
    material: text('material'),
    category: text('category'),
    cohort: text('cohort'),
    lost: search.lost === 'yes' || search.lost === 'no' ? search.lost : undefined,
  };
}

function isDay(text: string): boolean {
  const moment = new Date(`${text}T00:00:00Z`);
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(moment.valueOf()) && moment.toISOString().startsWith(text);
}

export type Span = 'YEAR' | 'LAST_YEAR' | 'MONTHS' | 'FIVE_YEARS';

/** First and last day of a span that ends today or, for the last year, with that year. */
export function span(which: Span, today: string): { from: string; to: string } {
  const [year, month] = [Number(today.slice(0, 4)), Number(today.slice(5, 7))];
  const first = (y: number, m: number) => new Date(Date.UTC(y, m - 1, 1)).toISOString().slice(0, 10);
  switch (which) {
    case 'YEAR': return { from: `${year}-01-01`, to: today };
    case 'LAST_YEAR': return { from: `${year - 1}-01-01`, to: `${year - 1}-12-31` };
    case 'MONTHS': return { from: first(year, month - 11), to: today };
    case 'FIVE_YEARS': return { from: `${year - 4}-01-01`, to: today };
  }
}

export interface Question {
  from: string;
  to: string;
  by: StatisticDimension[];
  filter: StatisticFilter;
}

/** What the address asks; without a time the last twelve months, without a grouping by month. */
export function question(search: StatisticsSearch, today: string): Question {
  const usual = span('MONTHS', today);
  const by = search.by ?? 'MONTH';
  const one = (text: string | undefined) => (text === undefined ? null : [text === UNKNOWN ? '' : text]);
  return {
    from: search.from ?? usual.from,
    to: search.to ?? usual.to,
    by: search.split && search.split !== by ? [by, search.split] : [by],
    filter: {
      branchIds: search.branch === undefined ? null : [search.branch],
      materialTypes: one(search.material),
      categories: one(search.category),
      cohorts: search.cohort === undefined ? null : [search.cohort],
      lost: search.lost === undefined ? null : search.lost === 'yes',
    },
  };
}

/** The address of the same answer as CSV. */
export function csvAddress({ from, to, by, filter }: Question): string {
  const asked = new URLSearchParams({ from, to, by: by.join(',') });
  const several = { branchId: filter.branchIds, materialType: filter.materialTypes, category: filter.categories, cohort: filter.cohorts };
  for (const [name, values] of Object.entries(several)) for (const value of values ?? []) asked.append(name, String(value));
  if (filter.lost !== null && filter.lost !== undefined) asked.append('lost', String(filter.lost));
  return `/statistics/loans.csv?${asked}`;
}
