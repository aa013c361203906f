// One WebSocket for all subscriptions. It opens with the first, comes back by itself, and says when it is down.
import { createClient, type Client } from 'graphql-ws';

export type SocketState = 'idle' | 'up' | 'down';

export class Socket {
  #state: SocketState = 'idle';
  readonly #watchers = new Set<() => void>();
  readonly client: Client;

  constructor(onReturn: () => void) {
    const url = new URL('/graphql', location.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    this.client = createClient({
      url: url.href,
      lazy: true,
      retryAttempts: Infinity,
      shouldRetry: () => true,
      keepAlive: 12_000,
      retryWait: (retries) => new Promise((done) => setTimeout(done, Math.min(500 * 2 ** retries, 8_000))),
      on: {
        connected: (_socket, _payload, wasRetry) => {
          const returned = wasRetry || this.#state === 'down';
          this.#become('up');
          if (returned) onReturn();
        },
        closed: (event) => this.#become((event as CloseEvent).code === 1000 ? 'idle' : 'down'),
      },
    });
  }

  get state(): SocketState {
    return this.#state;
  }

  watch = (tell: () => void): (() => void) => {
    this.#watchers.add(tell);
    return () => this.#watchers.delete(tell);
  };

  close(): void {
    this.#watchers.clear();
    void this.client.dispose();
  }

  #become(state: SocketState): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const tell of this.#watchers) tell();
  }
}
