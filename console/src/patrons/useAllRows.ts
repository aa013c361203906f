import { useLingui } from '@lingui/react/macro';
import { useCallback } from 'react';
import {
  PatronRowFragmentDoc, PatronsDocument, unmask, type PatronRowFragment, type PatronsQuery, type PatronsQueryVariables,
} from '../graphql/generated/index.ts';
import { useAllPages } from '../ui/useAllPages.ts';

type Matching = Omit<PatronsQueryVariables, 'first' | 'after'>;

/** Reads the whole list for a file. */
export function useAllRows(matching: Matching): () => Promise<readonly PatronRowFragment[]> {
  const { t } = useLingui();
  const everyPage = useAllPages(PatronsDocument, matching, listOf, t`An export has them all.`);
  return useCallback(async () => (await everyPage()).map((node) => unmask(PatronRowFragmentDoc, node)), [everyPage]);
}

function listOf(data: PatronsQuery) {
  return data.patrons;
}
