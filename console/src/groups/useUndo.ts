import { useCallback } from 'react';
import { useAction } from '../graphql/action.ts';
import { MoveToGroupDocument, RemoveFromGroupDocument, SetGroupLeadDocument } from '../graphql/generated/index.ts';
import type { Undo } from './undo.ts';

/** Returns what carries an Undo out, with the refusal when another has changed the group meanwhile. */
export function useUndo(changed: () => void) {
  const { run: move, problem: moveProblem, error: moveError } = useAction(MoveToGroupDocument, { idempotent: false });
  const { run: remove, problem: removeProblem, error: removeError } = useAction(RemoveFromGroupDocument, { idempotent: false });
  const { run: setLead } = useAction(SetGroupLeadDocument, { idempotent: false });

  const undo = useCallback(
    async (plan: Undo) => {
      for (const { patronIds, into } of plan.back) {
        const done = await move({ into, patronIds, confirm: true });
        if (done?.__typename !== 'MoveToGroupSuccess') return changed();
        const isLeads = done.patrons.some((one) => one.id === plan.lead) || 'memberBarcode' in into;
        if (plan.lead && isLeads) await setLead({ groupId: done.group.id, patronId: plan.lead });
      }
      if (plan.remove.length) await remove({ patronIds: plan.remove });
      changed();
    },
    [move, remove, setLead, changed],
  );
  return { undo, problem: moveProblem ?? removeProblem, error: moveError ?? removeError };
}
