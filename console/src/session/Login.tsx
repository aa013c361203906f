import { Trans, useLingui } from '@lingui/react/macro';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useState, type FormEvent } from 'react';
import { useAction } from '../graphql/action.ts';
import { SignInDocument } from '../graphql/generated/index.ts';
import { LanguageAndScheme } from '../shell/LanguageAndScheme.tsx';
import { Button } from '../ui/Button.tsx';
import { Field } from '../ui/Field.tsx';
import { ProblemNotice } from '../ui/ProblemNotice.tsx';
import { useSession } from './session.tsx';
import { Throttled } from './Throttled.tsx';
import './login.css';

export function Login() {
  const { t } = useLingui();
  const { viewer, renew } = useSession();
  const { back } = useSearch({ from: '/login' });
  const navigate = useNavigate();
  const signIn = useAction(SignInDocument, { idempotent: false });
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [libraryCode, setLibraryCode] = useState('');
  const [attempts, setAttempts] = useState(0);
  const { refusal } = signIn;
  const needsLibrary = signIn.problem?.code === 'LIBRARY_REQUIRED' || libraryCode !== '';

  useEffect(() => {
    document.title = `${t`Sign in`} · PatronGraph`;
  }, [t]);
  useEffect(() => {
    if (viewer) void navigate({ href: back?.startsWith('/') && !back.startsWith('//') ? back : '/', replace: true });
  }, [viewer, back, navigate]);

  async function submit(event: FormEvent) {
    event.preventDefault();
    setAttempts((before) => before + 1);
    const done = await signIn.run({ username, password, libraryCode: libraryCode || null });
    if (done) renew();
    else setPassword('');
  }

  return (
    <main className="login">
      <form className="login-card" onSubmit={submit}>
        <div className="login-mark" aria-hidden="true" />
        <h1><Trans>Sign in</Trans></h1>
        <p className="soft"><Trans>PatronGraph, for the staff of your library.</Trans></p>
        {refusal?.__typename === 'SignInThrottled'
          ? <Throttled key={attempts} seconds={refusal.retryAfterSeconds} />
          : <ProblemNotice problem={signIn.problem} error={signIn.error} />}
        <Field label={t`Username`} name="username" autoComplete="username" spellCheck="false"
               value={username} onChange={setUsername} isRequired autoFocus />
        <Field label={t`Password`} name="password" type="password" autoComplete="current-password"
               value={password} onChange={setPassword} isRequired />
        {needsLibrary && (
          <Field label={t`Library`} name="library" value={libraryCode} onChange={setLibraryCode}
                 description={t`The short code of your library.`} />
        )}
        <Button type="submit" kind="primary" isPending={signIn.running}><Trans>Sign in</Trans></Button>
      </form>
      <LanguageAndScheme />
    </main>
  );
}
