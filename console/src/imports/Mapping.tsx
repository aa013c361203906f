import { Trans, useLingui } from '@lingui/react/macro';
import type { ImportField } from '../graphql/generated/index.ts';
import { Choice } from '../ui/Choice.tsx';
import { fieldWords } from './words.ts';

const FIELDS = Object.keys(fieldWords) as ImportField[];

/** What columns mean whose names do not tell. */
export function Mapping({ names, fields, onChange }: {
  names: readonly string[];
  fields: Record<string, ImportField>;
  onChange(fields: Record<string, ImportField>): void;
}) {
  const { t, i18n } = useLingui();
  const change = (name: string, field: ImportField | '') => {
    const { [name]: _, ...rest } = fields;
    onChange(field ? { ...rest, [name]: field } : rest);
  };
  return (
    <details className="card">
      <summary><Trans>What the columns mean</Trans></summary>
      <p className="hint"><Trans>Only where a column's name does not tell; the preview shows how each was understood.</Trans></p>
      <div className="mapping">
        {names.map((name) => (
          <Choice key={name} label={name} value={fields[name] ?? ''} onChange={(field) => change(name, field)}
                  options={[{ id: '', label: t`As its name says` }, ...FIELDS.map((id) => ({ id, label: i18n._(fieldWords[id]) }))]} />
        ))}
      </div>
    </details>
  );
}
