// Renew all: every open loan, one after the other. A refusal is kept with its loan and ends nothing.
import { useCallback, useRef, useState } from 'react';
import { useAction, type Outcome } from '../graphql/action.ts';
import { RenewLoanDocument, type LoanRowFragment, type RenewLoanMutation } from '../graphql/generated/index.ts';

export type Refused = Pick<Outcome<RenewLoanMutation>, 'problem' | 'error'>;

export interface Renewals {
  total: number;
  renewed: number;
  refused: ReadonlyMap<string, Refused>;
  isOver: boolean;
}

/** `readAll` returns the open loans; undefined that they could not be read. `changed` is called once, at the end. */
export function useRenewAll(readAll: () => Promise<readonly LoanRowFragment[]>, changed: () => void) {
  const { attempt } = useAction(RenewLoanDocument);
  const [renewals, setRenewals] = useState<Renewals>();
  const [isUnread, setIsUnread] = useState(false);
  const busy = useRef(false);

  const renewAll = useCallback(async () => {
    if (busy.current) return;
    busy.current = true;
    setIsUnread(false);
    try {
      const loans = await readAll();
      let renewed = 0;
      const refused = new Map<string, Refused>();
      const show = (isOver: boolean) => setRenewals({ total: loans.length, renewed, refused: new Map(refused), isOver });
      show(loans.length === 0);
      for (const { id } of loans) {
        const { success, problem, error } = await attempt({ loanId: id });
        if (success) renewed += 1;
        else refused.set(id, { problem, error });
        show(renewed + refused.size === loans.length);
      }
      changed();
    } catch {
      setIsUnread(true); // nothing was asked of the desk yet: reading comes first, and an attempt does not throw
    } finally {
      busy.current = false;
    }
  }, [attempt, readAll, changed]);

  /** What was said of a loan, or of all of them, is not so any more. */
  const forget = useCallback((loanId?: string) => {
    setRenewals((last) => {
      if (!last || loanId === undefined) return undefined;
      const refused = new Map(last.refused);
      refused.delete(loanId);
      return { ...last, refused };
    });
  }, []);

  return { renewAll, renewals, isUnread, forget };
}
