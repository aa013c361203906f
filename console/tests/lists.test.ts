import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filterName, savedFilters } from '../src/patrons/filters.ts';
import { withFirst } from '../src/patrons/lists.ts';
import { mayBeBarcode, Scan } from '../src/patrons/scan.ts';
import { patronsSearch } from '../src/patrons/search.ts';

function typed(text: string, apart: number): (string | undefined)[] {
  const scan = new Scan();
  return [...text].map((key, at) => scan.push(key === '\n' ? 'Enter' : key, 1000 + at * apart));
}

test('fast keys that end with Enter are a scan; slow ones are not', () => {
  assert.equal(typed('21000000000017\n', 8).at(-1), '21000000000017');
  assert.equal(typed('21000000000017\n', 120).at(-1), undefined);
});

test('what was typed slowly before a scan is no part of it, and a few quick keys are none', () => {
  const scan = new Scan();
  scan.push('x', 0);
  scan.push('Shift', 990);
  [...'B2100'].forEach((key, at) => scan.push(key, 1040 + at * 5));
  assert.equal(scan.push('Enter', 1070), 'B2100');
  assert.equal(typed('21\n', 5).at(-1), undefined);
});

test('a hitch in the middle of a scan cuts nothing off', () => {
  const scan = new Scan();
  scan.push('2', 0);
  [...'1000000000102'].forEach((key, at) => scan.push(key, 300 + at * 8));
  assert.equal(scan.push('Enter', 410), '21000000000102');
});

test('a scan ends: the next begins empty', () => {
  const scan = new Scan();
  [...'11111'].forEach((key, at) => scan.push(key, at));
  assert.equal(scan.push('Enter', 10), '11111');
  [...'22222'].forEach((key, at) => scan.push(key, 12 + at));
  assert.equal(scan.push('Enter', 20), '22222');
});

test('a barcode is one word with a digit in it', () => {
  assert.deepEqual(['21000000000017', 'B12-3', 'berg', 'berg, an', 'a1@example.org', '12 34'].map(mayBeBarcode),
    [true, true, false, false, false, false]);
});

test('the newest comes first, once, and the oldest goes', () => {
  assert.deepEqual(withFirst(['a', 'b', 'c'], 'c', 3), ['c', 'a', 'b']);
  assert.deepEqual(withFirst(['a', 'b', 'c'], 'd', 3), ['d', 'a', 'b']);
});

test('a kept filter is read with what it may say, and never with whom somebody searched', () => {
  const stored = [
    { name: ' Leavers ', search: { status: 'INACTIVE', category: 'Pupil', q: 'Berg', after: 'x', sort: 'NONSENSE' } },
    { name: '', search: { status: 'ACTIVE' } },
    { name: 'Nothing', search: { q: 'Berg' } },
    'rubbish',
  ];
  assert.deepEqual(savedFilters(stored), [{ name: 'Leavers', search: { status: 'INACTIVE', category: 'Pupil' } }]);
  assert.deepEqual(savedFilters(null), []);
});

test('a filter is known by what it says, not by the order of its parts', () => {
  const saved = [{ name: 'Leavers', search: { category: 'Pupil', status: 'INACTIVE' as const } }];
  assert.equal(filterName(saved, { status: 'INACTIVE', category: 'Pupil', q: 'berg', after: 'x' }), 'Leavers');
  assert.equal(filterName(saved, { status: 'INACTIVE' }), undefined);
});

test('a mangled address still opens: what it cannot say is dropped', () => {
  const read = patronsSearch({ q: 12, status: 'GONE', branch: 'brn_3', cohort: 'x', group: '', sort: 'NEWEST', other: 'y' });
  assert.deepEqual(JSON.parse(JSON.stringify(read)), { q: '12', branch: 'brn_3', sort: 'NEWEST' });
});
