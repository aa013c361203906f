// Deactivate, reactivate and restore: done at once, with Undo; a refusal is said in the same place.
import { useLingui } from '@lingui/react/macro';
import { useAction, type Action } from '../graphql/action.ts';
import {
  DeactivatePatronDocument, ReactivatePatronDocument, RestorePatronDocument, type PatronHeadFragment,
} from '../graphql/generated/index.ts';
import { toast } from '../ui/toast.tsx';

export interface StatusActions {
  deactivate(): Promise<void>;
  reactivate(): Promise<void>;
  restore(): Promise<void>;
  /** The one that was refused or failed last, or else any. */
  last: Pick<Action<unknown, unknown>, 'problem' | 'error'>;
  running: boolean;
}

export function useStatus(head: PatronHeadFragment): StatusActions {
  const { t } = useLingui();
  const off = useAction(DeactivatePatronDocument, { idempotent: false });
  const on = useAction(ReactivatePatronDocument, { idempotent: false });
  const back = useAction(RestorePatronDocument, { idempotent: false });
  const input = { patronIds: [head.id] };
  const name = head.displayName;
  const forget = () => {
    for (const one of [off, on, back]) one.forget();
  };

  async function deactivate() {
    forget();
    if (await off.run(input)) toast(t`${name} is deactivated.`, () => void on.run(input));
  }
  async function reactivate() {
    forget();
    if (await on.run(input)) toast(t`${name} is active again.`, () => void off.run(input));
  }
  async function restore() {
    forget();
    if (await back.run({ patronId: head.id })) toast(t`${name} is restored, and inactive.`);
  }
  return {
    deactivate, reactivate, restore,
    last: [off, on, back].find((one) => one.problem || one.error) ?? off,
    running: off.running || on.running || back.running,
  };
}
