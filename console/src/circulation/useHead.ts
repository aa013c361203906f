import { useCallback } from 'react';
import { useClient } from 'urql';
import { HeadAfterActDocument } from '../graphql/generated/index.ts';
import { useMay } from '../session/session.tsx';

/** Returns what asks again for the head of a patron's page: its counts, sums and reasons, the group's sum too. */
export function useHeadAgain(id: string): () => void {
  const client = useClient();
  const mayTotals = useMay('GROUPS_VIEW_TOTALS');
  return useCallback(() => {
    void client.query(HeadAfterActDocument, { id, mayTotals }, { requestPolicy: 'network-only' }).toPromise();
  }, [client, id, mayTotals]);
}
