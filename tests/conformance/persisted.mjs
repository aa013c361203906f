// Asks one query as Apollo Client or urql do when documents are persisted; prints each request's parts and the data.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ApolloClient, HttpLink, InMemoryCache, gql as apolloQuery } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { Client, fetchExchange } from '@urql/core';
import { persistedExchange } from '@urql/exchange-persisted';

const { client, url, token, query, get } = JSON.parse(readFileSync(0, 'utf8'));
const headers = { authorization: token };
const sha256 = (text) => createHash('sha256').update(text).digest('hex');

const requests = [];
async function noting(address, options) {
  const sent = options.method === 'GET' ? Object.fromEntries(new URL(address).searchParams) : JSON.parse(options.body);
  const answer = await fetch(address, options);
  requests.push({ method: options.method, parts: Object.keys(sent).sort(), status: answer.status });
  return answer;
}

async function apollo() {
  const link = new PersistedQueryLink({ sha256, useGETForHashedQueries: get });
  const http = new HttpLink({ uri: url, headers, fetch: noting });
  const asking = new ApolloClient({ link: link.concat(http), cache: new InMemoryCache() });
  const { data, error } = await asking.query({ query: apolloQuery(query), errorPolicy: 'all' });
  return { data, errors: error?.errors };
}

async function urql() {
  const options = {
    url,
    preferGetMethod: false,
    fetch: noting,
    fetchOptions: { headers },
    exchanges: [
      persistedExchange({ generateHash: async (text) => sha256(text), preferGetForPersistedQueries: get }),
      fetchExchange,
    ],
  };
  const { data, error } = await new Client(options).query(query, {}).toPromise();
  return { data, errors: error?.graphQLErrors };
}

const answer = await { apollo, urql }[client]();
console.log(JSON.stringify({ requests, ...answer }));
