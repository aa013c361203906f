import assert from 'node:assert/strict';
import { test } from 'node:test';
import { activitySearch, beginning } from '../src/activity/search.ts';

test('an address of the activity says only what can be asked for', () => {
  assert.deepEqual(activitySearch({ action: 'desk.pay', by: 'STAFF', from: '2026-11-01', to: '2026-11-30', after: 'x' }), {
    action: 'desk.pay', by: 'STAFF', from: '2026-11-01', to: '2026-11-30', after: 'x',
  });
  assert.deepEqual(activitySearch({ action: 'DROP TABLE', by: 'CAT', from: '2026-13-01', to: 7, after: '' }), {});
});

test('the last day is wholly in it, also the day on which the clocks change', () => {
  const hours = (day: string) => (Date.parse(beginning(day, 1) ?? '') - Date.parse(beginning(day) ?? '')) / 3_600_000;
  assert.equal(new Date(beginning('2026-11-30', 1) ?? '').getDate(), 1);
  assert.ok([23, 24, 25].includes(hours('2026-10-25')));
  assert.equal(beginning(undefined), null);
});
