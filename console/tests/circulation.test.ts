import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amountOf, isAtLeast, isPositive, less } from '../src/circulation/amount.ts';
import { asked, listSearch, LOAN_STATES } from '../src/circulation/search.ts';

test('a sum is read as people write it, in any of the usual ways', () => {
  assert.deepEqual(
    ['12', '12,5', ' 12.50 ', '1 234,05', '0.07', '9999999999.99'].map(amountOf),
    ['12.00', '12.50', '12.50', '1234.05', '0.07', '9999999999.99'],
  );
});

test('nothing, no sum, and a sum that could be read in two ways are refused', () => {
  assert.deepEqual(
    ['', '0', '0,00', '-5', 'five', '1,234', '1.234,50', '12.', '12345678901'].map(amountOf),
    Array.from({ length: 9 }, () => undefined),
  );
});

test('sums are reckoned to the hundredth, however large', () => {
  assert.equal(less('30.99', '21.00'), '9.99');
  assert.equal(less('0.10', '0.30'), '-0.20');
  assert.equal(less('9999999999.99', '0.01'), '9999999999.98');
  assert.equal(isPositive('0.01'), true);
  assert.equal(isPositive('0.00'), false);
  assert.equal(isPositive('-3.50'), false);
  assert.equal(isAtLeast('21.00', '21.00'), true);
  assert.equal(isAtLeast('20.99', '21.00'), false);
});

test('an address says what differs from the usual list, and what it does not know is dropped', () => {
  const read = listSearch(LOAN_STATES);
  assert.deepEqual(read({ state: 'LOST', after: 'abc' }), { state: 'LOST', after: 'abc' });
  assert.deepEqual(read({ state: 'OPEN', after: '' }), {});
  assert.deepEqual(read({ state: 'EATEN', more: 1 }), {});
  assert.equal(asked('ALL'), null);
  assert.equal(asked('OVERDUE'), 'OVERDUE');
});
