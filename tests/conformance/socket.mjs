// Sends operations one after the other on one socket of the graphql-ws client; prints what became of each as JSON.
// An operation with `take` is left after so many events.
import { readFileSync } from 'node:fs';
import { createClient } from 'graphql-ws';

const { url, token, operations } = JSON.parse(readFileSync(0, 'utf8'));
let opened = 0;
let ended;
const closed = new Promise((resolve) => (ended = resolve));
const client = createClient({
  url: url.replace('http', 'ws') + '/graphql',
  connectionParams: token === undefined ? undefined : { Authorization: token },
  retryAttempts: 0,
  lazyCloseTimeout: 60_000,
  on: {
    opened: () => opened++,
    closed: ({ code, reason }) => ended({ code, reason }),
  },
});

const outcomes = [];
for (const { take, ...payload } of operations) {
  const outcome = { events: [] };
  outcomes.push(outcome);
  try {
    for await (const event of client.iterate(payload)) {
      outcome.events.push(event);
      if (outcome.events.length === take) break;
    }
  } catch (error) {
    if (Array.isArray(error)) outcome.errors = error;
    else outcome.closed = { code: error.code, reason: error.reason };
  }
}
await client.dispose();
process.stdout.write(JSON.stringify({ outcomes, opened, closed: await closed }), () => process.exit());
