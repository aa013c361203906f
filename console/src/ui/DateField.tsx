import { useId } from 'react';

interface Props {
  label: string;
  /** A day as the API has it, 2026-11-27; null for none. */
  value: string | null;
  onChange(value: string | null): void;
  inline?: boolean;
  min?: string;
  max?: string;
  description?: string;
  wrong?: string | undefined;
}

/** A day, typed part by part or picked: the browser's own field, in the language of the device. */
export function DateField({ label, value, onChange, inline = false, min, max, description, wrong }: Props) {
  const id = useId();
  const about = [description && `${id}d`, wrong && `${id}w`].filter(Boolean).join(' ') || undefined;
  return (
    <div className={inline ? 'field inline' : 'field'} data-invalid={wrong ? true : undefined}>
      <label htmlFor={id}>{label}</label>
      <input id={id} type="date" className="input" value={value ?? ''} min={min} max={max} aria-describedby={about}
             aria-invalid={wrong ? true : undefined} onChange={(event) => onChange(event.target.value || null)} />
      {description && <span id={`${id}d`} className="hint">{description}</span>}
      {wrong && <span id={`${id}w`} className="wrong">{wrong}</span>}
    </div>
  );
}
