// Runs every server audit of graphql-http against an address; prints what each said as JSON.
import { readFileSync } from 'node:fs';
import { serverAudits } from 'graphql-http';

const { url, headers } = JSON.parse(readFileSync(0, 'utf8'));

function fetchFn(address, options = {}) {
  return fetch(address, { ...options, headers: { ...options.headers, ...headers } });
}

const results = [];
for (const audit of serverAudits({ url, fetchFn })) {
  const { id, name, status, reason } = await audit.fn();
  results.push({ id, name, status, reason });
}
console.log(JSON.stringify(results));
