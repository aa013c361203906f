// GraphiQL with the session of whoever is signed in, over HTTP and over the WebSocket; nothing comes from other hosts.
import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import './explorer.css';
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import { createClient } from 'graphql-ws';
import { createRoot } from 'react-dom/client';

const socket = new URL('/graphql', location.href);
socket.protocol = socket.protocol === 'https:' ? 'wss:' : 'ws:';
const fetcher = createGraphiQLFetcher({ url: '/graphql', wsClient: createClient({ url: socket.href }) });

const FIRST = `# Everything that the console shows comes from here, with your permissions.
query WhoAmI {
  viewer {
    ... on StaffViewer {
      user { displayName }
      library { code name }
      permissions
    }
  }
}
`;

// What was asked may name a patron: it is kept for this tab only, not on the computer.
createRoot(document.getElementById('explorer')!).render(
  <main>
    <h1 className="only-heard">Explorer</h1>
    <GraphiQL fetcher={fetcher} initialQuery={FIRST} storage={sessionStorage} defaultEditorToolsVisibility="variables">
      <GraphiQL.Logo><a href="/console">PatronGraph</a></GraphiQL.Logo>
    </GraphiQL>
  </main>,
);
