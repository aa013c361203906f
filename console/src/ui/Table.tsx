// Native tables: memoised rows, arrows between rows, Enter opens, Space tags, Shift tags a range.
import { useLingui } from '@lingui/react/macro';
import { memo, useCallback, useRef, type KeyboardEvent, type MouseEvent, type ReactNode } from 'react';
import type { Tagging } from './tagging.ts';

export interface Column<Row> {
  id: string;
  head: string;
  /** The first column's cell holds the row's link, which Enter follows. */
  cell(row: Row): ReactNode;
  isNumber?: boolean;
  /** Its cells hold what can be done with the row, and nothing that would be printed. */
  isAction?: boolean;
}

interface Props<Row> {
  /** What the table is; its caption, which is heard. */
  label: string;
  /** Keep it the same array between renders, so that rows are drawn only when they change. */
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  idOf(row: Row): string;
  tagging?: Tagging;
  /** What the checkbox of a row is called: the row's name. */
  nameOf?(row: Row): string;
}

export function Table<Row>({ label, columns, rows, idOf, tagging, nameOf }: Props<Row>) {
  const { t } = useLingui();
  const body = useRef<HTMLTableSectionElement>(null);
  const toggle = tagging?.toggle;

  const onKeyDown = useCallback(
    (event: KeyboardEvent<HTMLTableSectionElement>) => {
      const row = (event.target as HTMLElement).closest('tr');
      if (!row || !body.current) return;
      const all = [...body.current.rows];
      const at = all.indexOf(row);
      const places: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 };
      const place = places[event.key];
      if (place !== undefined && !(event.target instanceof HTMLInputElement && event.target.type === 'text')) {
        event.preventDefault();
        const next = all[place];
        if (next && event.shiftKey) toggle?.(next.dataset.id ?? '', true);
        next?.focus();
      } else if (event.target === row && event.key === 'Enter') {
        row.querySelector('a')?.click();
      } else if (event.target === row && event.key === ' ' && toggle) {
        event.preventDefault();
        toggle(row.dataset.id ?? '', event.shiftKey);
      }
    },
    [toggle],
  );

  return (
    <div className="table-frame">
      <table className="table">
        <caption className="only-heard">{label}</caption>
        <thead>
          <tr>
            {tagging && (
              <th scope="col" className="tag">
                <input type="checkbox" aria-label={t`Tag all on this page`} checked={tagging.all}
                       ref={(box) => { if (box) box.indeterminate = tagging.some && !tagging.all; }}
                       onChange={tagging.toggleAll} />
              </th>
            )}
            {columns.map((column) => (
              <th key={column.id} scope="col" className={kindOf(column)}>{column.head}</th>
            ))}
          </tr>
        </thead>
        <tbody ref={body} onKeyDown={onKeyDown}>
          {rows.map((row, at) => {
            const id = idOf(row);
            return (
              <MemoRow key={id} id={id} row={row} columns={columns as readonly Column<unknown>[]} isFirst={at === 0}
                       name={nameOf?.(row)} isTagged={tagging?.tagged.has(id)} mayTag={tagging?.may(id)}
                       toggle={toggle} />
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function kindOf({ isNumber, isAction }: Pick<Column<unknown>, 'isNumber' | 'isAction'>): string | undefined {
  return [isNumber && 'number', isAction && 'no-print'].filter(Boolean).join(' ') || undefined;
}

interface RowProps {
  id: string;
  row: unknown;
  columns: readonly Column<unknown>[];
  isFirst: boolean;
  name: string | undefined;
  isTagged: boolean | undefined;
  mayTag: boolean | undefined;
  toggle: Tagging['toggle'] | undefined;
}

const MemoRow = memo(function TableRow({ id, row, columns, isFirst, name, isTagged, mayTag, toggle }: RowProps) {
  const { t } = useLingui();
  return (
    <tr data-id={id} tabIndex={isFirst ? 0 : -1} className={isTagged ? 'tagged' : undefined}>
      {toggle && (
        <td className="tag">
          <input type="checkbox" tabIndex={-1} aria-label={t`Tag ${name ?? id}`} checked={isTagged ?? false}
                 disabled={!mayTag} readOnly
                 onClick={(event: MouseEvent) => toggle(id, event.shiftKey)} onChange={() => undefined} />
        </td>
      )}
      {columns.map((column) => (
        <td key={column.id} className={kindOf(column)} data-label={column.head}>
          {column.cell(row)}
        </td>
      ))}
    </tr>
  );
});
