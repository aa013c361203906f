import { Trans, useLingui } from '@lingui/react/macro';
import { useId } from 'react';
import { useShown, type FieldSpec } from './fields.ts';
import { same, type Value, type Values } from './merge.ts';
import type { Clash } from './useSectionForm.ts';

/** Somebody saved while this was typed: both values beside each other, and a choice where both changed one field. */
export function ClashChoice({ clash, fields, values, onChoose }: {
  clash: Clash;
  fields: readonly FieldSpec[];
  values: Values;
  onChoose(name: string, value: Value): void;
}) {
  const { t } = useLingui();
  const shown = useShown();
  const group = useId();
  const both = fields.filter((field) => clash.fields.includes(field.name));
  return (
    <div className="notice warn" role="alert">
      <strong><Trans>Somebody changed this while you edited it.</Trans></strong>
      <p>
        {both.length > 0
          ? <Trans>Choose which value is right, then save.</Trans>
          : <Trans>You changed nothing of the same: save again to keep both.</Trans>}
      </p>
      {both.map((field) => {
        const mine = clash.mine[field.name] ?? '';
        const theirs = clash.theirs[field.name] ?? '';
        return (
          <fieldset className="clash" key={field.name}>
            <legend>{field.label}</legend>
            <label>
              <input type="radio" name={`${group}${field.name}`} checked={!same(values[field.name], theirs)}
                     onChange={() => onChoose(field.name, mine)} />
              <span><Trans>Yours:</Trans> <b>{shown(field, mine) || t`nothing`}</b></span>
            </label>
            <label>
              <input type="radio" name={`${group}${field.name}`} checked={same(values[field.name], theirs)}
                     onChange={() => onChoose(field.name, theirs)} />
              <span><Trans>Saved meanwhile:</Trans> <b>{shown(field, theirs) || t`nothing`}</b></span>
            </label>
          </fieldset>
        );
      })}
    </div>
  );
}
