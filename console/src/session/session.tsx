// Who is signed in and what they may do. A sign-out in one tab is one in every tab.
import {
  createContext, useCallback, useContext, useEffect, useMemo, useRef, useState, type ReactNode, type RefObject,
} from 'react';
import { Provider, useQuery } from 'urql';
import { codes, connect, type Connection } from '../graphql/client.ts';
import { SignOutDocument, ViewerDocument, type Permission, type ViewerQuery } from '../graphql/generated/index.ts';
import { Failure } from '../ui/Failure.tsx';
import { Splash } from '../ui/Splash.tsx';
import { forgetAtSignOut } from './kept.ts';

export type StaffViewer = Extract<ViewerQuery['viewer'], { __typename: 'StaffViewer' }>;

interface Session {
  viewer: StaffViewer | undefined;
  /** Begin anew, with nothing of the former viewer: after a sign-in and after a sign-out. */
  renew(): void;
  signOut(): Promise<void>;
}

const SessionContext = createContext<Session | undefined>(undefined);
const ConnectionContext = createContext<Connection | undefined>(undefined);
const tabs = new BroadcastChannel('patrongraph.session');

export function SessionProvider({ children }: { children: ReactNode }) {
  const [generation, setGeneration] = useState(0);
  const renewHere = useCallback(() => setGeneration((before) => before + 1), []);

  useEffect(() => {
    tabs.addEventListener('message', renewHere);
    return () => tabs.removeEventListener('message', renewHere);
  }, [renewHere]);

  const renew = useCallback(() => {
    tabs.postMessage('changed');
    renewHere();
  }, [renewHere]);

  const isSignedIn = useRef(false);
  const connection = useMemo(
    () =>
      connect(() => {
        if (isSignedIn.current) renewHere();
        isSignedIn.current = false;
      }),
    // A generation has a connection of its own: its cache and its socket know one viewer.
    [generation, renewHere],
  );
  useEffect(() => () => connection.close(), [connection]);

  return (
    <ConnectionContext value={connection}>
      <Provider value={connection.client} key={generation}>
        <Viewer renew={renew} connection={connection} isSignedIn={isSignedIn}>{children}</Viewer>
      </Provider>
    </ConnectionContext>
  );
}

function Viewer({ renew, connection, isSignedIn, children }: {
  renew(): void;
  connection: Connection;
  isSignedIn: RefObject<boolean>;
  children: ReactNode;
}) {
  const [{ data, error, fetching }, again] = useQuery({ query: ViewerDocument, requestPolicy: 'cache-first' });
  const viewer = data?.viewer.__typename === 'StaffViewer' ? data.viewer : undefined;
  useEffect(() => {
    isSignedIn.current = viewer !== undefined;
  }, [viewer, isSignedIn]);
  const session = useMemo<Session>(
    () => ({
      viewer,
      renew,
      signOut: async () => {
        await connection.client.mutation(SignOutDocument, {}).toPromise();
        if (viewer) forgetAtSignOut(viewer.user.id);
        renew();
      },
    }),
    [viewer, renew, connection],
  );
  if (!viewer && fetching) return <Splash />;
  if (!viewer && error && !codes(error).includes('UNAUTHENTICATED')) {
    return <Failure error={error} onRetry={() => again({ requestPolicy: 'network-only' })} />;
  }
  return <SessionContext value={session}>{children}</SessionContext>;
}

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error('useSession() is for what SessionProvider holds.');
  return session;
}

export function useConnection(): Connection {
  const connection = useContext(ConnectionContext);
  if (!connection) throw new Error('useConnection() is for what SessionProvider holds.');
  return connection;
}

/** The signed-in member of staff; only inside the shell, which shows nothing to others. */
export function useViewer(): StaffViewer {
  const { viewer } = useSession();
  if (!viewer) throw new Error('useViewer() is for pages inside the shell.');
  return viewer;
}

/** Whether the viewer may do that. Everything that asks hides what would be refused. */
export function useMay(permission: Permission): boolean {
  return useSession().viewer?.permissions.includes(permission) ?? false;
}

/** Shows its children to those who may; `otherwise` to the rest. */
export function Can({ permission, otherwise = null, children }: {
  permission: Permission;
  otherwise?: ReactNode;
  children: ReactNode;
}) {
  return useMay(permission) ? children : otherwise;
}
