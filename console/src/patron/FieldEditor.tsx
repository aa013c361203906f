import { useId } from 'react';
import { Choice } from '../ui/Choice.tsx';
import { DateField } from '../ui/DateField.tsx';
import { Field } from '../ui/Field.tsx';
import { AddressesEditor } from './AddressesEditor.tsx';
import type { FieldSpec } from './fields.ts';
import type { Value } from './merge.ts';

interface Props {
  field: FieldSpec;
  value: Value;
  onChange(value: Value): void;
  /** What is wrong with the field of that path, `addresses.0.street` say. */
  wrong(path: string): string | undefined;
  autoFocus?: boolean;
}

/** The editor of one field, by its kind. */
export function FieldEditor({ field, value, onChange, wrong, autoFocus = false }: Props) {
  const { name, label, description } = field;
  if (typeof value === 'boolean') {
    return (
      <label className="flag">
        <input type="checkbox" name={name} checked={value} onChange={(event) => onChange(event.target.checked)} />
        {label}
      </label>
    );
  }
  if (typeof value !== 'string') {
    return <AddressesEditor homes={value} onChange={onChange} wrong={wrong} autoFocus={autoFocus} />;
  }
  if (field.of === 'day') {
    return <DateField label={label} description={description} value={value || null} wrong={wrong(name)}
                      onChange={(next) => onChange(next ?? '')} />;
  }
  if (field.of === 'choice') {
    return <Choice label={label} description={description} value={value} options={field.options ?? []}
                   onChange={onChange} wrong={wrong(name)} />;
  }
  if (field.of === 'suggested') {
    return <Suggested field={field} value={value} onChange={onChange} wrong={wrong(name)} />;
  }
  return (
    <Field label={label} description={description} name={name} value={value} onChange={onChange} wrong={wrong(name)}
           type={field.of === 'email' || field.of === 'tel' ? field.of : 'text'} autoComplete="off" spellCheck="false"
           rows={field.of === 'notes' ? 6 : undefined} autoFocus={autoFocus} />
  );
}

/** Free text, with what others have to choose from. */
function Suggested({ field, value, onChange, wrong }: {
  field: FieldSpec;
  value: string;
  onChange(value: string): void;
  wrong: string | undefined;
}) {
  const id = useId();
  return (
    <div className="field" data-invalid={wrong ? true : undefined}>
      <label htmlFor={id}>{field.label}</label>
      <input id={id} className="input" list={`${id}l`} value={value} autoComplete="off" aria-invalid={wrong ? true : undefined}
             aria-describedby={wrong && `${id}w`} onChange={(event) => onChange(event.target.value)} />
      <datalist id={`${id}l`}>{field.options?.map((one) => <option key={one.id} value={one.id} />)}</datalist>
      {wrong && <span id={`${id}w`} className="wrong">{wrong}</span>}
    </div>
  );
}
