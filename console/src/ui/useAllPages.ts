import { useLingui } from '@lingui/react/macro';
import { useCallback } from 'react';
import { useClient, type AnyVariables, type TypedDocumentNode } from 'urql';
import { number } from '../words/format.ts';
import { toast } from './toast.tsx';

const PAGE = 200;
const MOST = 5_000;

interface Connection<Node> {
  edges: readonly { node: Node }[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}

/**
 * Reads the whole list page by page, for a file; at most 5,000 rows. When there are more it says so, with the hint where
 * to get them. `variables` are all but `first` and `after`; keep them and `listOf` the same between renders.
 */
export function useAllPages<Data, Variables extends AnyVariables, Node>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Omit<Variables, 'first' | 'after'>,
  listOf: (data: Data) => Connection<Node> | null | undefined,
  hint = '',
): () => Promise<readonly Node[]> {
  const { t } = useLingui();
  const client = useClient();
  return useCallback(async () => {
    const rows: Node[] = [];
    let after: string | null = null;
    do {
      const page = { ...variables, first: PAGE, after } as unknown as Variables;
      const { data, error } = await client.query(document, page, { requestPolicy: 'network-only' }).toPromise();
      const list: Connection<Node> | null | undefined = data && listOf(data);
      if (!list) throw error ?? new Error('no answer');
      rows.push(...list.edges.map((edge) => edge.node));
      after = list.pageInfo.hasNextPage ? list.pageInfo.endCursor : null;
    } while (after && rows.length < MOST);
    if (after) toast(`${t`Only the first ${number(rows.length)} were saved.`} ${hint}`);
    return rows;
  }, [client, document, variables, listOf, hint, t]);
}
