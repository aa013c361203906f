import { useLingui } from '@lingui/react/macro';
import type { Permission } from '../graphql/generated/index.ts';
import { useViewer } from '../session/session.tsx';
import { PERMISSIONS, permissionWords } from './words.ts';

/** Some of many, each with a box. */
export function Checks({ legend, options, chosen, onChange, wrong }: {
  legend: string;
  options: readonly { id: string; label: string; isDisabled?: boolean }[];
  chosen: readonly string[];
  onChange(chosen: string[]): void;
  wrong?: string | undefined;
}) {
  const toggle = (id: string) => onChange(chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id]);
  return (
    <fieldset className="checks">
      <legend>{legend}</legend>
      {options.map(({ id, label, isDisabled }) => (
        <label key={id} className="check">
          <input type="checkbox" checked={chosen.includes(id)} disabled={isDisabled} onChange={() => toggle(id)} />
          <span>{label}</span>
        </label>
      ))}
      {wrong && <span className="wrong" role="alert">{wrong}</span>}
    </fieldset>
  );
}

/** Permissions; nobody gives what they do not have. */
export function PermissionChecks({ chosen, onChange, wrong }: {
  chosen: readonly Permission[];
  onChange(chosen: Permission[]): void;
  wrong: string | undefined;
}) {
  const { t, i18n } = useLingui();
  const mine = useViewer().permissions;
  return (
    <Checks legend={t`What is allowed`} chosen={chosen} onChange={(ids) => onChange(ids as Permission[])} wrong={wrong}
            options={PERMISSIONS.map((id) => ({ id, label: i18n._(permissionWords[id]), isDisabled: !mine.includes(id) }))} />
  );
}
