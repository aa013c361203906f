// Which rows of a page are tagged: one by one, all, or a range with Shift.
import { useCallback, useMemo, useRef, useState } from 'react';
import { between } from './range.ts';

export interface Tagging {
  tagged: ReadonlySet<string>;
  all: boolean;
  some: boolean;
  may(id: string): boolean;
  toggle(id: string, range: boolean): void;
  toggleAll(): void;
  clear(): void;
}

/** `ids` are the page's in order, `taggable` those that may be tagged; keep both the same between renders. */
export function useTagging(ids: readonly string[], taggable: ReadonlySet<string>): Tagging {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const last = useRef<string | undefined>(undefined);

  const tagged = useMemo(() => new Set([...chosen].filter((id) => taggable.has(id))), [chosen, taggable]);

  const toggle = useCallback(
    (id: string, range: boolean) => {
      const from = last.current;
      last.current = id;
      setChosen((before) => {
        const after = new Set(before);
        const on = range && from !== undefined ? before.has(from) : !before.has(id);
        for (const one of range && from !== undefined ? between(ids, from, id) : [id]) {
          if (on && taggable.has(one)) after.add(one);
          else after.delete(one);
        }
        return after;
      });
    },
    [ids, taggable],
  );
  const toggleAll = useCallback(
    () => setChosen((before) => (before.size < taggable.size ? new Set(taggable) : new Set())),
    [taggable],
  );
  const clear = useCallback(() => setChosen(new Set()), []);
  const may = useCallback((id: string) => taggable.has(id), [taggable]);

  return {
    tagged, may, toggle, toggleAll, clear,
    all: taggable.size > 0 && tagged.size === taggable.size,
    some: tagged.size > 0,
  };
}
