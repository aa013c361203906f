import assert from 'node:assert/strict';
import { test } from 'node:test';
import { auditFilter, auditSearch, told } from '../src/audit/search.ts';
import { isCount } from '../src/cohorts/count.ts';
import { amount, wholeNumber } from '../src/settings/values.ts';

test('a count is typed with or without marks between thousands, and nothing else is one', () => {
  for (const typed of ['1204', ' 1 204 ', '1,204', '1\u00A0204']) assert.ok(isCount(typed, 1204), typed);
  for (const typed of ['', '120', '1204x', '-1204', '12 05']) assert.ok(!isCount(typed, 1204), typed);
});

test('an amount has a comma or a point and at most two decimals', () => {
  assert.deepEqual(['12,50', '12.5', '1 000', '0'].map(amount), ['12.50', '12.5', '1000', '0']);
  assert.deepEqual(['', 'x', '-1', '1.234', '1e3'].map(amount), [undefined, undefined, undefined, undefined, undefined]);
  assert.deepEqual(['7', ' 30 ', '1.5', '-1', ''].map(wholeNumber), [7, 30, undefined, undefined, undefined]);
});

test('the last day of the trail is included', () => {
  const filter = auditFilter(auditSearch({ from: '2026-03-01', to: '2026-03-01', actor: 'NOBODY', action: ' patron.block ' }));
  assert.equal(Date.parse(filter.to ?? '') - Date.parse(filter.from ?? ''), 86_400_000);
  assert.deepEqual([filter.action, filter.actorKind, filter.subject], ['patron.block', null, null]);
});

test('of a list in the trail the first ones are told, and how many there are', () => {
  const detail = [{ name: 'patrons', value: '3' }, { name: 'codes', value: '["A", "B", "C", "D"]' }, { name: 'next', value: null }];
  assert.equal(told(detail, 2), 'patrons: 3, codes: A B … (4), next: –');
  assert.equal(told(detail), 'patrons: 3, codes: A B C D, next: –');
});
