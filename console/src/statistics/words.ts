import type { I18n, MessageDescriptor } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import type { StatisticDimension } from '../graphql/generated/index.ts';
import { OTHERS } from './figures.ts';
import type { Span } from './search.ts';

export const dimensionWords: Record<StatisticDimension, MessageDescriptor> = {
  YEAR: msg`Year`,
  MONTH: msg`Month`,
  DAY: msg`Day`,
  WEEKDAY: msg`Weekday`,
  BRANCH: msg`Branch`,
  ITEM_BRANCH: msg`Branch of the item`,
  MATERIAL_TYPE: msg`Material type`,
  CATEGORY: msg`Category`,
  COHORT: msg`Cohort`,
  LOST: msg`Declared lost`,
};

export const spanWords: Record<Span, MessageDescriptor> = {
  MONTHS: msg`Last 12 months`,
  YEAR: msg`This year`,
  LAST_YEAR: msg`Last year`,
  FIVE_YEARS: msg`Five years`,
};

const A_MONDAY = Date.UTC(2024, 0, 1);

/** What a value of a dimension is called. */
export function valueWords(i18n: I18n, dimension: StatisticDimension, key: string, isShort = false): string {
  if (key === OTHERS) return i18n._(msg`Others`);
  if (key === '') return i18n._(dimension === 'CATEGORY' || dimension === 'COHORT' ? msg`None` : msg`Not known`);
  const written = (moment: Date, options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(i18n.locale, { timeZone: 'UTC', ...options }).format(moment);
  switch (dimension) {
    case 'MONTH': return written(new Date(key), { month: isShort ? 'short' : 'long', year: isShort ? '2-digit' : 'numeric' });
    case 'DAY': return written(new Date(key), isShort ? { day: 'numeric', month: 'short' } : { dateStyle: 'medium' });
    case 'WEEKDAY': return written(new Date(A_MONDAY + (Number(key) - 1) * 86_400_000), { weekday: isShort ? 'short' : 'long' });
    case 'LOST': return i18n._(key === 'true' ? msg`Lost` : msg`Not lost`);
    default: return key;
  }
}
