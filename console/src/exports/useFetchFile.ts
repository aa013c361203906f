import { useCallback } from 'react';
import { useAction } from '../graphql/action.ts';
import { FileLinkDocument } from '../graphql/generated/index.ts';

/** Saves a finished export's file, each time by a new link that works once; `fetchFile` tells whether the browser has it. */
export function useFetchFile() {
  const { run, running, problem, error } = useAction(FileLinkDocument, { idempotent: false });
  const fetchFile = useCallback(
    async (exportId: string) => {
      const made = await run({ exportId });
      if (!made) return false;
      const link = document.createElement('a');
      link.href = made.url;
      link.download = '';
      link.click();
      return true;
    },
    [run],
  );
  return { fetchFile, running, problem, error };
}
