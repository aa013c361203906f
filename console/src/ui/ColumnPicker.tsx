import { Trans } from '@lingui/react/macro';
import { useId } from 'react';

interface Props {
  columns: readonly { id: string; head: string; isFixed?: boolean }[];
  shown: ReadonlySet<string>;
  onChange(shown: ReadonlySet<string>): void;
}

/** Which columns a table shows. */
export function ColumnPicker({ columns, shown, onChange }: Props) {
  const id = useId();
  const toggle = (column: string) => {
    const next = new Set(shown);
    if (!next.delete(column)) next.add(column);
    onChange(next);
  };
  return (
    <span className="menu">
      <button type="button" className="button plain" popoverTarget={id}>
        <Trans>Columns</Trans><span aria-hidden="true">▾</span>
      </button>
      <div id={id} popover="auto" className="popover">
        {columns.filter((column) => !column.isFixed).map((column) => (
          <label key={column.id} className="option check">
            <input type="checkbox" checked={shown.has(column.id)} onChange={() => toggle(column.id)} />
            {column.head}
          </label>
        ))}
      </div>
    </span>
  );
}
