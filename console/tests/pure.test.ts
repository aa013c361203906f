import assert from 'node:assert/strict';
import { test } from 'node:test';
import { csv } from '../src/ui/csv.ts';
import { columnsOf } from '../src/imports/search.ts';
import { isCount, purgeSearch } from '../src/purge/search.ts';
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

test('the first line of a file names its columns, however it is set apart', () => {
  assert.deepEqual(columnsOf('\uFEFFusername;enabled\r\nanna;FALSE\r\n'), ['username', 'enabled']);
  assert.deepEqual(columnsOf('"Card no, old",name,name\n1,2,3'), ['Card no, old', 'name']);
  assert.deepEqual(columnsOf(' a \t\tb'), ['a', 'b']);
  assert.deepEqual(columnsOf(''), []);
});

test('the number that confirms may be typed with the thousands set apart, and may be no other', () => {
  assert.equal(isCount('1 200', 1200), true);
  assert.equal(isCount('1,200', 1200), true);
  assert.equal(isCount('120', 1200), false);
  assert.equal(isCount('', 0), false);
});

test('an address of the purge that was mangled still opens', () => {
  assert.deepEqual(purgeSearch({ size: '50', q: 42, after: '' }), { q: '42', size: 50, after: undefined });
  assert.deepEqual(purgeSearch({ size: 51 }), { q: undefined, size: undefined, after: undefined });
});
