// What is around every page: the places, the viewer, and whether live news come in.
import { Trans, useLingui } from '@lingui/react/macro';
import { Link, Outlet, useRouter } from '@tanstack/react-router';
import { Suspense, useEffect, useState, useSyncExternalStore } from 'react';
import { useRememberPatrons } from '../patrons/recent.ts';
import { PasswordAgain } from '../session/PasswordAgain.tsx';
import { useConnection, useSession } from '../session/session.tsx';
import { Button } from '../ui/Button.tsx';
import { Skeleton } from '../ui/Skeleton.tsx';
import { Toasts } from '../ui/toast.tsx';
import { LanguageAndScheme } from './LanguageAndScheme.tsx';
import { places } from './places.ts';
import './shell.css';

export function Shell() {
  const { viewer } = useSession();
  if (!viewer) return <ToLogin />;
  return (
    <div className="shell">
      <Memory />
      <a className="skip" href="#content"><Trans>Skip to the page</Trans></a>
      <Top />
      <Side />
      <main id="content" tabIndex={-1}>
        <SocketBanner />
        <PasswordAgain><Suspense fallback={<Skeleton />}><Outlet /></Suspense></PasswordAgain>
      </main>
      <Toasts />
    </div>
  );
}

function Memory() {
  useRememberPatrons();
  return null;
}

/** To the sign-in, which comes back to here; asked once, for on the way there the address is another already. */
function ToLogin() {
  const router = useRouter();
  useEffect(() => {
    const back = router.state.location.href;
    if (!back.startsWith('/login')) void router.navigate({ to: '/login', search: { back }, replace: true });
  }, [router]);
  return null;
}

function Top() {
  const { viewer, signOut } = useSession();
  return (
    <header className="top">
      <Link to="/" className="brand"><i aria-hidden="true" />PatronGraph</Link>
      <span className="library">{viewer?.library.name}</span>
      <span className="room" />
      <LanguageAndScheme />
      <span className="who">{viewer?.user.displayName}</span>
      <Button kind="quiet" small onPress={() => void signOut()}><Trans>Sign out</Trans></Button>
    </header>
  );
}

function Side() {
  const { t, i18n } = useLingui();
  const { viewer } = useSession();
  const [isOpen, setIsOpen] = useState(false);
  const mine = places.filter((one) => !one.permission || viewer?.permissions.includes(one.permission));
  return (
    <nav className={isOpen ? 'side open' : 'side'} aria-label={t`Places`}>
      <Button kind="quiet" small aria-expanded={isOpen} onPress={() => setIsOpen(!isOpen)}><Trans>Menu</Trans></Button>
      <ul>
        {mine.map((place) => (
          <li key={place.to}>
            <Link to={place.to} className="place" activeOptions={{ exact: place.to === '/', includeSearch: false }}
                  activeProps={{ 'aria-current': 'page' }} onClick={() => setIsOpen(false)}>
              {i18n._(place.name)}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function SocketBanner() {
  const { socket } = useConnection();
  const state = useSyncExternalStore(socket.watch, () => socket.state);
  return (
    <div role="status">
      {state === 'down' && (
        <p className="notice warn banner">
          <Trans>Live updates are interrupted. What you see may be old; it is brought up to date when they are back.</Trans>
        </p>
      )}
    </div>
  );
}
