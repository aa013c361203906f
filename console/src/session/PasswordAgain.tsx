// Some actions take the password again. No page does anything for that: useAction asks here and then goes on.
import { Trans, useLingui } from '@lingui/react/macro';
import { useCallback, useState, type FormEvent, type ReactNode } from 'react';
import { PasswordAgainContext, useAction } from '../graphql/action.ts';
import { ReauthenticateDocument } from '../graphql/generated/index.ts';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { Field } from '../ui/Field.tsx';
import { ProblemNotice } from '../ui/ProblemNotice.tsx';
import { useViewer } from './session.tsx';

/** Asks the signed-in for their password whenever an action inside it is refused for want of it. */
export function PasswordAgain({ children }: { children: ReactNode }) {
  const [asked, setAsked] = useState<{ answer(given: boolean): void }>();
  const ask = useCallback(() => new Promise<boolean>((answer) => setAsked({ answer })), []);
  const settle = (given: boolean) => {
    asked?.answer(given);
    setAsked(undefined);
  };
  return (
    <PasswordAgainContext value={ask}>
      {children}
      {asked && <PasswordDialog settle={settle} />}
    </PasswordAgainContext>
  );
}

function PasswordDialog({ settle }: { settle(given: boolean): void }) {
  const { t } = useLingui();
  const { user } = useViewer();
  const again = useAction(ReauthenticateDocument, { idempotent: false });
  const [password, setPassword] = useState('');

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (await again.run({ password })) settle(true);
    else setPassword('');
  }

  return (
    <Dialog title={t`Your password again`} isOpen onClose={() => settle(false)} firm>
      <form className="stack" onSubmit={submit}>
        <p className="soft"><Trans>This takes the password of {user.username} once more. It counts for a few minutes.</Trans></p>
        <ProblemNotice problem={again.problem} error={again.error} />
        <input type="text" name="username" autoComplete="username" value={user.username} readOnly hidden />
        <Field label={t`Password`} name="password" type="password" autoComplete="current-password"
               value={password} onChange={setPassword} isRequired autoFocus />
        <footer>
          <Button onPress={() => settle(false)}><Trans>Cancel</Trans></Button>
          <Button type="submit" kind="primary" isPending={again.running}><Trans>Go on</Trans></Button>
        </footer>
      </form>
    </Dialog>
  );
}
