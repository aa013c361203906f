import { useId } from 'react';

export interface Option<Value extends string> {
  id: Value;
  label: string;
}

interface Props<Value extends string> {
  label: string;
  options: readonly Option<Value>[];
  value: Value;
  onChange(value: Value): void;
  /** Beside the field instead of above it. */
  inline?: boolean;
  description?: string;
  wrong?: string | undefined;
  isDisabled?: boolean;
}

/** One of some: the browser's own list, which finds by typing, works on every device and weighs nothing. */
export function Choice<Value extends string>({
  label, options, value, onChange, inline = false, description, wrong, isDisabled = false,
}: Props<Value>) {
  const id = useId();
  const about = [description && `${id}d`, wrong && `${id}w`].filter(Boolean).join(' ') || undefined;
  return (
    <div className={inline ? 'field inline' : 'field'} data-invalid={wrong ? true : undefined}>
      <label htmlFor={id}>{label}</label>
      <select id={id} className="input choice" value={value} disabled={isDisabled} aria-describedby={about}
              aria-invalid={wrong ? true : undefined} onChange={(event) => onChange(event.target.value as Value)}>
        {options.map((one) => <option key={one.id} value={one.id}>{one.label}</option>)}
      </select>
      {description && <span id={`${id}d`} className="hint">{description}</span>}
      {wrong && <span id={`${id}w`} className="wrong">{wrong}</span>}
    </div>
  );
}
