// What graphcache needs of the schema: which types are members of which unions and interfaces. Fields are left out.
import type { CacheExchangeOpts } from '@urql/exchange-graphcache';
import { abstract, objects } from './generated/shape.ts';

const members = objects.map((name) => ({ kind: 'OBJECT', name, fields: [], interfaces: [] }));
const families = Object.entries(abstract).map(([name, possible]) => ({
  kind: 'UNION',
  name,
  possibleTypes: possible.map((one) => ({ kind: 'OBJECT', name: one })),
}));

export const shape = {
  __schema: {
    queryType: { name: 'Query' },
    mutationType: { name: 'Mutation' },
    subscriptionType: { name: 'Subscription' },
    types: [...members, ...families],
  },
} as unknown as NonNullable<CacheExchangeOpts['schema']>;
