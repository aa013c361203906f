import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figures, moments, OTHERS, ticks } from '../src/statistics/figures.ts';
import { csvAddress, question, span, statisticsSearch, UNKNOWN } from '../src/statistics/search.ts';

const row = (part: object) => ({ loans: 0, returned: 0, lost: 0, open: 0, ...part }) as never;

test('an address that somebody mangled still opens', () => {
  assert.deepEqual(
    Object.entries(statisticsSearch({ from: '2026-02-30', to: '2026-02-28', by: 'PIN', split: 'BRANCH', category: 7, lost: true }))
      .filter(([, value]) => value !== undefined),
    [['to', '2026-02-28'], ['split', 'BRANCH'], ['category', '7']],
  );
});

test('without a time it is the last twelve months, by month', () => {
  assert.deepEqual(span('MONTHS', '2026-03-09'), { from: '2025-04-01', to: '2026-03-09' });
  assert.deepEqual(span('LAST_YEAR', '2026-03-09'), { from: '2025-01-01', to: '2025-12-31' });
  const asked = question({ split: 'MONTH' }, '2026-03-09');
  assert.deepEqual([asked.from, asked.to, asked.by], ['2025-04-01', '2026-03-09', ['MONTH']]);
});

test('the CSV is asked the same as the page, what is not known too', () => {
  const asked = question({ from: '2026-01-01', to: '2026-01-31', by: 'BRANCH', split: 'LOST', material: UNKNOWN, lost: 'no' }, '2026-03-09');
  assert.equal(csvAddress(asked), '/statistics/loans.csv?from=2026-01-01&to=2026-01-31&by=BRANCH%2CLOST&materialType=&lost=false');
});

test('a month in which nothing was lent has a bar of nothing', () => {
  const rows = [row({ month: '2025-12-01', loans: 3 }), row({ month: '2026-02-01', loans: 5 })];
  const drawn = figures(rows, ['MONTH'], '2025-12-15', '2026-02-03');
  assert.deepEqual(drawn?.bars.map((bar) => [bar.key, bar.total]), [['2025-12-01', 3], ['2026-01-01', 0], ['2026-02-01', 5]]);
  assert.deepEqual(moments('YEAR', '2024-12-31', '2026-01-01'), ['2024', '2025', '2026']);
});

test('beyond six parts the rest is drawn together, and no loan is left out', () => {
  const rows = [...'abcdefgh'].map((category, at) => row({ cohort: '7A', category, loans: 8 - at }));
  const drawn = figures(rows, ['COHORT', 'CATEGORY'], '2026-01-01', '2026-01-31');
  assert.deepEqual(drawn?.parts, ['a', 'b', 'c', 'd', 'e', 'f', OTHERS]);
  assert.deepEqual(drawn?.bars, [{ key: '7A', total: 36, parts: [8, 7, 6, 5, 4, 3, 3] }]);
});

test('days that would be too narrow are not drawn', () => {
  assert.equal(figures([], ['DAY'], '2020-01-01', '2026-01-01'), undefined);
});

test('an axis ends at or above the longest bar, in round steps', () => {
  assert.deepEqual(ticks(266), [0, 100, 200, 300]);
  assert.deepEqual(ticks(3), [0, 1, 2, 3]);
  assert.deepEqual(ticks(1), [0, 1]);
});
