import { Trans } from '@lingui/react/macro';
import type { CombinedError } from 'urql';
import { codes, requestId } from '../graphql/client.ts';
import { failureText } from '../words/failures.ts';
import { Button } from './Button.tsx';

/** Why a view could not be read: what it means, the request's number, and Try again. */
export function Failure({ error, onRetry }: { error: CombinedError; onRetry?: () => void }) {
  const number = requestId(error);
  const [first] = error.graphQLErrors;
  const forbidden = codes(error).includes('FORBIDDEN');
  return (
    <div className="notice danger" role="alert">
      <strong>
        {error.networkError && !error.response ? <Trans>The server cannot be reached.</Trans>
          : forbidden ? <Trans>You may not see this.</Trans>
          : <Trans>This could not be read.</Trans>}
      </strong>
      <p>{first ? failureText(first) ?? <span lang="en">{first.message}</span>
                : <Trans>Check your connection; nothing of what you did is lost.</Trans>}</p>
      {number && <p className="soft"><Trans>Request number: <code>{number}</code></Trans></p>}
      {onRetry && !forbidden && <Button onPress={onRetry}><Trans>Try again</Trans></Button>}
    </div>
  );
}
