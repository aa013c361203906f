import { useEffect, useRef } from 'react';
import { useClient, type AnyVariables, type TypedDocumentNode } from 'urql';

const AT_MOST_EVERY = 1_000; // milliseconds between two looks at a list while one news follows the other

/**
 * Listens to news and asks for a list again when one says that the list is not right any more. What is in the list
 * and changes needs none of this: the cache has it by its id. Each of the news is heard, also of many at once.
 */
export function useListNews<Data, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  isOff: (news: Data) => boolean,
  again: (options: { requestPolicy: 'network-only' }) => void,
): void {
  const client = useClient();
  const present = useRef({ isOff, again });
  useEffect(() => {
    present.current = { isOff, again };
  });
  const asked = JSON.stringify(variables);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last = 0;
    const look = () => {
      timer = undefined;
      last = Date.now();
      present.current.again({ requestPolicy: 'network-only' });
    };
    const { unsubscribe } = client.subscription(document, JSON.parse(asked) as Variables).subscribe(({ data }) => {
      if (!data || timer !== undefined || !present.current.isOff(data)) return;
      timer = setTimeout(look, Math.max(0, last + AT_MOST_EVERY - Date.now()));
    });
    return () => {
      unsubscribe();
      clearTimeout(timer);
    };
  }, [client, document, asked]);
}
