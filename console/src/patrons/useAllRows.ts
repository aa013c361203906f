import { useLingui } from '@lingui/react/macro';
import { useCallback } from 'react';
import { useClient } from 'urql';
import {
  PatronRowFragmentDoc, PatronsDocument, unmask, type PatronRowFragment, type PatronsQueryVariables,
} from '../graphql/generated/index.ts';
import { toast } from '../ui/toast.tsx';
import { number } from '../words/format.ts';

const PAGE = 200;
const MOST = 5_000;

type Matching = Omit<PatronsQueryVariables, 'first' | 'after'>;

/** Reads the whole list page by page, for a file; says so when it is longer than what is read, or was cut off. */
export function useAllRows(matching: Matching): () => Promise<readonly PatronRowFragment[]> {
  const { t } = useLingui();
  const client = useClient();
  return useCallback(async () => {
    const rows: PatronRowFragment[] = [];
    let after: string | null = null;
    do {
      const variables: PatronsQueryVariables = { ...matching, first: PAGE, after };
      const { data, error } = await client.query(PatronsDocument, variables, { requestPolicy: 'network-only' }).toPromise();
      if (!data) throw error ?? new Error('no answer');
      rows.push(...data.patrons.edges.map((edge) => unmask(PatronRowFragmentDoc, edge.node)));
      const { hasNextPage, endCursor } = data.patrons.pageInfo;
      after = hasNextPage ? endCursor ?? null : null;
    } while (after && rows.length < MOST);
    if (after) toast(t`Only the first ${number(rows.length)} were saved: an export has them all.`);
    return rows;
  }, [client, matching, t]);
}
