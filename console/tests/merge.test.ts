import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changes, conflicts, rebase } from '../src/patron/merge.ts';

const home = { kind: 'HOME', street: 'Storgatan 1', postalCode: '222 22', city: 'Lund', region: '', country: '' };
const base = { email: 'a@example.org', phone: '1', protected: false, addresses: [home] };

test('only what was changed is sent', () => {
  assert.deepEqual(changes(base, { ...base, phone: '2', addresses: [{ ...home }] }), { phone: '2' });
  assert.deepEqual(changes(base, { ...base, protected: true }), { protected: true });
});

test('a person chooses only where both changed one field to different values', () => {
  const mine = { ...base, email: 'mine@example.org', phone: '2' };
  assert.deepEqual(conflicts(base, mine, { ...base, email: 'theirs@example.org' }), ['email']);
  assert.deepEqual(conflicts(base, mine, { ...base, email: 'mine@example.org' }), []);
  assert.deepEqual(conflicts(base, mine, { ...base, protected: true }), []);
  assert.deepEqual(conflicts(base, { ...base, addresses: [] }, { ...base, addresses: [home, home] }), ['addresses']);
});

test('what others saved stays under what was typed', () => {
  const mine = { ...base, phone: '2' };
  const theirs = { ...base, email: 'theirs@example.org', phone: '3' };
  assert.deepEqual(rebase(base, mine, theirs), { ...base, email: 'theirs@example.org', phone: '2' });
});
