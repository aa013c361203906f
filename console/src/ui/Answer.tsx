import type { ReactNode } from 'react';
import type { AnyVariables, UseQueryState } from 'urql';
import { Failure } from './Failure.tsx';
import { Skeleton } from './Skeleton.tsx';

/** What a page shows of its query: a skeleton, the failure with Try again, or what it makes of the data. */
export function Answer<Data>({ state, retry, skeleton, children }: {
  state: UseQueryState<Data, AnyVariables>;
  retry(options: { requestPolicy: 'network-only' }): void;
  skeleton?: ReactNode;
  children(data: Data): ReactNode;
}) {
  if (state.error && !state.fetching) {
    return <Failure error={state.error} onRetry={() => retry({ requestPolicy: 'network-only' })} />;
  }
  if (!state.data) return skeleton ?? <Skeleton />;
  return <div className={state.stale ? 'answer stale' : 'answer'}>{children(state.data)}</div>;
}
