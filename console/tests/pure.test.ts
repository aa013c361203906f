import assert from 'node:assert/strict';
import { test } from 'node:test';
import { csv } from '../src/ui/csv.ts';
import { between } from '../src/ui/range.ts';

test('a range goes from one to the other whichever comes first', () => {
  const ids = ['a', 'b', 'c', 'd'];
  assert.deepEqual(between(ids, 'b', 'd'), ['b', 'c', 'd']);
  assert.deepEqual(between(ids, 'd', 'b'), ['b', 'c', 'd']);
  assert.deepEqual(between(ids, 'gone', 'c'), ['c']);
});

test('a table is saved quoted, marked as UTF-8, and with no formula', () => {
  assert.equal(
    csv([['Name', 'Owes'], ['Berg, "Åsa"', '12.50'], ['=1+1', -3], [null, undefined]]),
    '\uFEFF"Name","Owes"\r\n"Berg, ""Åsa""","12.50"\r\n"\'=1+1","-3"\r\n"",""\r\n',
  );
});
