// What is around every page: the places, the viewer, and whether live news come in.
import { Trans, useLingui } from '@lingui/react/macro';
import { Link, Navigate, Outlet, useRouterState } from '@tanstack/react-router';
import { Suspense, useState, useSyncExternalStore } from 'react';
import { useConnection, useSession } from '../session/session.tsx';
import { Button } from '../ui/Button.tsx';
import { Skeleton } from '../ui/Skeleton.tsx';
import { Toasts } from '../ui/toast.tsx';
import { LanguageAndScheme } from './LanguageAndScheme.tsx';
import { places } from './places.ts';
import './shell.css';

export function Shell() {
  const { viewer } = useSession();
  const href = useRouterState({ select: (state) => state.location.href });
  if (!viewer) return <Navigate to="/login" search={{ back: href }} replace />;
  return (
    <div className="shell">
      <a className="skip" href="#content"><Trans>Skip to the page</Trans></a>
      <Top />
      <Side />
      <main id="content" tabIndex={-1}>
        <SocketBanner />
        <Suspense fallback={<Skeleton />}><Outlet /></Suspense>
      </main>
      <Toasts />
    </div>
  );
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
