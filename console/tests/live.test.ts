import assert from 'node:assert/strict';
import { test } from 'node:test';
import { i18n } from '@lingui/core';
import { isLate } from '../src/audit/chain.ts';
import { fileSize } from '../src/exports/size.ts';
import { isOff, type ListedJob } from '../src/jobs/live.ts';

function job(n: number, more: Partial<ListedJob> = {}): ListedJob {
  return { id: `job_${n}`, kind: 'PURGE', state: 'QUEUED', createdAt: `2026-11-27T10:00:${String(n).padStart(2, '0')}.5+00:00`, ...more };
}

const page = { rows: [job(9), job(8), job(5)], hasNext: true };
const last = { rows: [job(9), job(8), job(5)], hasNext: false };

test('a job that is listed where it belongs changes nothing', () => {
  assert.equal(isOff(job(8, { state: 'RUNNING' }), page, {}), false);
  assert.equal(isOff(job(8), page, { state: 'QUEUED', kind: 'PURGE' }), false);
});

test('a job that has left the state of the list is off it', () => {
  assert.equal(isOff(job(8, { state: 'RUNNING' }), page, { state: 'QUEUED' }), true);
});

test('a new job is missing on the first page only, and only from lists of its kind and state', () => {
  assert.equal(isOff(job(10), page, {}), true);
  assert.equal(isOff(job(10), page, { state: 'QUEUED', kind: 'PURGE' }), true);
  assert.equal(isOff(job(10), page, { state: 'PAUSED' }), false);
  assert.equal(isOff(job(10), page, { kind: 'IMPORT' }), false);
  assert.equal(isOff(job(10), page, { after: 'cursor' }), false);
});

test('an older job is missing where its place is', () => {
  assert.equal(isOff(job(6), page, { state: 'QUEUED' }), true);
  assert.equal(isOff(job(6), page, { state: 'QUEUED', after: 'cursor' }), true);
  assert.equal(isOff(job(3), page, { state: 'QUEUED' }), false);
  assert.equal(isOff(job(3), last, { state: 'QUEUED' }), true);
});

test('an empty first page wants whatever belongs on it', () => {
  assert.equal(isOff(job(1), { rows: [], hasNext: false }, {}), true);
  assert.equal(isOff(job(1), { rows: [], hasNext: false }, { state: 'FAILED' }), false);
  assert.equal(isOff(job(1), { rows: [], hasNext: false }, { after: 'cursor' }), false);
});

test('moments are compared, not texts', () => {
  const whole = { ...job(8), id: 'job_80', createdAt: '2026-11-27T10:00:08+00:00' };
  assert.equal(isOff(whole, { rows: [job(9), { ...job(8), createdAt: '2026-11-27T10:00:08.000001+00:00' }], hasNext: true }, {}), true);
});

test('events wait for too long after fifteen minutes', () => {
  const now = Date.parse('2026-11-27T10:15:00Z');
  assert.equal(isLate(null, now), false);
  assert.equal(isLate('2026-11-27T10:00:00+00:00', now), false);
  assert.equal(isLate('2026-11-27T09:59:59.999+00:00', now), true);
});

test('sizes are said in the unit that suits them', () => {
  i18n.load('en', {});
  i18n.activate('en');
  assert.deepEqual([0, 400, 12_540, 999_940, 1_000_000, 2_345_000_000].map(fileSize),
    ['0 kB', '0.4 kB', '12.5 kB', '999.9 kB', '1 MB', '2.3 GB']);
});
