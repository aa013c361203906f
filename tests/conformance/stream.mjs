// Sends operations with the graphql-sse client, each on a connection of its own; prints what became of each as JSON.
// An operation with `take` is left after so many events.
import { readFileSync } from 'node:fs';
import { createClient } from 'graphql-sse';

const { url, token, operations } = JSON.parse(readFileSync(0, 'utf8'));
const client = createClient({
  url: url + '/graphql/stream',
  headers: token === undefined ? {} : { authorization: token },
  retryAttempts: 0,
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
    outcome.status = error.response?.status ?? String(error);
  }
}
client.dispose();
console.log(JSON.stringify({ outcomes }));
