import { useQuery, useSubscription } from 'urql';
import {
  ImportCountsFragmentDoc, ImportPageDocument, ImportProgressDocument, JobDetailFragmentDoc, unmask,
} from '../graphql/generated/index.ts';
import { isUnderWay } from '../jobs/search.ts';

/** The job of an import and its report, which follow the job to its end; nothing without an id. */
export function useImport(id: string | undefined) {
  const variables = { id: id ?? '' };
  const [state, again] = useQuery({ query: ImportPageDocument, variables, pause: id === undefined });
  const found = id === undefined ? undefined : state.data?.job;
  const job = unmask(JobDetailFragmentDoc, found);
  const report = unmask(ImportCountsFragmentDoc, found)?.import;
  useSubscription({ query: ImportProgressDocument, variables, pause: !job || !isUnderWay(job.state) });
  return { state, again, job, report };
}
