import assert from 'node:assert/strict';
import { test } from 'node:test';
import { undoMove, undoRemoval, type Seen } from '../src/groups/undo.ts';

const person = (id: string, group: string | null, groupLead = false, barcode: string | null = `B${id}`): Seen =>
  ({ id, barcode, groupLead, group: group === null ? null : { id: group } });

test('who had no group leaves again, and who had one goes back and leads it again', () => {
  assert.deepEqual(undoMove([person('1', null), person('2', 'g', true)], 0, undefined), {
    remove: ['1'], back: [{ patronIds: ['2'], into: { groupId: 'g' } }], lead: '2',
  });
});

test('a group that the move made goes with its founder', () => {
  assert.deepEqual(undoMove([person('1', null)], 0, '9'), { remove: ['1', '9'], back: [], lead: undefined });
});

test('a move that dissolved a group is not offered to be taken back', () => {
  assert.equal(undoMove([person('1', 'g')], 1, undefined), undefined);
});

test('who was taken out goes back; with the group gone, they make a new one around a barcode', () => {
  assert.deepEqual(undoRemoval([person('1', 'g', true)], 0, 'g'), {
    remove: [], back: [{ patronIds: ['1'], into: { groupId: 'g' } }], lead: '1',
  });
  assert.deepEqual(undoRemoval([person('1', 'g', true, null), person('2', 'g')], 1, 'g'), {
    remove: [], back: [{ patronIds: ['1'], into: { memberBarcode: 'B2' } }], lead: '1',
  });
});

test('one alone makes no group again', () => {
  assert.equal(undoRemoval([person('1', 'g')], 1, 'g'), undefined);
  assert.equal(undoRemoval([person('1', 'g', false, null), person('2', 'g', false, null)], 1, 'g'), undefined);
});
