import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useState, type FormEvent, type ReactNode } from 'react';
import type { CombinedError } from 'urql';
import type { Problem } from '../graphql/action.ts';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { Field } from '../ui/Field.tsx';
import { ProblemNotice } from '../ui/ProblemNotice.tsx';
import { isCount } from './count.ts';

/** The last question before many patrons change: how many it is about is typed, not clicked. */
export function ConfirmCount({ title, count, go, running, problem, error, onGo, onClose, children }: {
  title: string;
  count: number;
  /** What the button says. */
  go: string;
  running: boolean;
  problem: Problem | undefined;
  error: CombinedError | undefined;
  onGo(): void;
  onClose(): void;
  children: ReactNode;
}) {
  const { t } = useLingui();
  const [typed, setTyped] = useState('');
  const [isWrong, setIsWrong] = useState(false);

  function submit(event: FormEvent) {
    event.preventDefault();
    const right = isCount(typed, count);
    setIsWrong(!right);
    if (right) onGo();
  }

  return (
    <Dialog title={title} isOpen onClose={onClose} firm>
      <form className="stack" onSubmit={submit}>
        {children}
        <ProblemNotice problem={problem} error={error} />
        <Field label={t`Number of patrons`} value={typed} onChange={setTyped} inputMode="numeric" autoComplete="off" autoFocus
               description={t`Type ${count} to confirm.`}
               wrong={isWrong ? t`That is not the number: it is about ${count} patrons.` : undefined} />
        <footer>
          <Button onPress={onClose}><Trans>Cancel</Trans></Button>
          <Button type="submit" kind="primary" isPending={running}>{go}</Button>
        </footer>
      </form>
    </Dialog>
  );
}

export function Patrons({ count }: { count: number }) {
  return <Plural value={count} one="# patron" other="# patrons" />;
}
