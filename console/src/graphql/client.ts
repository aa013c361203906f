// The console's GraphQL client: same origin, session cookie, one normalised cache, one socket.
import {
  Client, fetchExchange, mapExchange, subscriptionExchange, type CombinedError, type Exchange, type Operation,
} from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { pipe, tap } from 'wonka';
import { shape } from './shape.ts';
import { Socket } from './socket.ts';

export interface Connection {
  client: Client;
  socket: Socket;
  close(): void;
}

const REQUEST_ID = 'X-Request-Id';

/** Codes of an error's entries, as the server gives them: FORBIDDEN, UNAUTHENTICATED, TIMEOUT … */
export function codes(error: CombinedError | undefined): string[] {
  return (error?.graphQLErrors ?? []).map((one) => String(one.extensions?.code ?? ''));
}

/** The number under which the server's log has a failed request; undefined when none was answered. */
export function requestId(error: CombinedError): string | undefined {
  return (error.response as Response | undefined)?.headers?.get(REQUEST_ID) ?? undefined;
}

/** Connects; `onSignedOut` is called when the server no longer knows the session. */
export function connect(onSignedOut: () => void): Connection {
  const shown = new Map<number, Operation>();
  const socket = new Socket(() => refetch());

  const remember: Exchange = ({ forward }) => (operations) =>
    pipe(
      operations,
      tap((operation) => {
        if (operation.kind === 'query') shown.set(operation.key, operation);
        if (operation.kind === 'teardown') shown.delete(operation.key);
      }),
      forward,
    );

  const client = new Client({
    url: '/graphql',
    preferGetMethod: false,
    requestPolicy: 'cache-and-network',
    fetchOptions: { credentials: 'same-origin' },
    exchanges: [
      remember,
      mapExchange({
        onError: (error) => {
          if (codes(error).includes('UNAUTHENTICATED')) onSignedOut();
        },
      }),
      cacheExchange({ schema: shape }),
      fetchExchange,
      subscriptionExchange({
        isSubscriptionOperation: (operation) => operation.kind === 'subscription',
        forwardSubscription: (body) => ({
          subscribe: (sink) => ({
            unsubscribe: socket.client.subscribe({ ...body, query: body.query ?? '' }, {
              ...sink,
              next: (value) => sink.next(value as Parameters<typeof sink.next>[0]),
            }),
          }),
        }),
      }),
    ],
  });

  /** Ask again for all that is on the screen: what changed while nobody listened is in no subscription. */
  function refetch(): void {
    for (const operation of shown.values()) {
      client.reexecuteOperation(
        client.createRequestOperation('query', operation, { ...operation.context, requestPolicy: 'network-only' }),
      );
    }
  }

  return { client, socket, close: () => socket.close() };
}

