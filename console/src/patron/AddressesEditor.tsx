import { Trans, useLingui } from '@lingui/react/macro';
import type { AddressKind } from '../graphql/generated/index.ts';
import { Button } from '../ui/Button.tsx';
import { Choice } from '../ui/Choice.tsx';
import { Field } from '../ui/Field.tsx';
import { kindWords } from './fields.ts';
import type { Home } from './merge.ts';

const KINDS: readonly AddressKind[] = ['HOME', 'MAILING', 'OTHER'];
const MOST = 10;
const EMPTY: Home = { kind: 'HOME', street: '', postalCode: '', city: '', region: '', country: '' };

/** The whole list of addresses, which is saved as one. */
export function AddressesEditor({ homes, onChange, wrong, autoFocus }: {
  homes: readonly Home[];
  onChange(homes: readonly Home[]): void;
  wrong(path: string): string | undefined;
  autoFocus: boolean;
}) {
  const { t, i18n } = useLingui();
  const change = (at: number, part: Partial<Home>) =>
    onChange(homes.map((home, place) => (place === at ? { ...home, ...part } : home)));
  const parts: readonly { name: Exclude<keyof Home, 'kind'>; label: string }[] = [
    { name: 'street', label: t`Street and number` },
    { name: 'postalCode', label: t`Postal code` },
    { name: 'city', label: t`City` },
    { name: 'region', label: t`Region` },
    { name: 'country', label: t`Country` },
  ];
  return (
    <div className="stack">
      {homes.map((home, at) => (
        <fieldset className="home" key={at}>
          <legend className="only-heard"><Trans>Address {at + 1}</Trans></legend>
          <Choice label={t`Kind`} value={home.kind} onChange={(kind) => change(at, { kind })}
                  options={KINDS.map((id) => ({ id: id as string, label: i18n._(kindWords[id]) }))} />
          {parts.map(({ name, label }, place) => (
            <Field key={name} label={label} value={home[name]} onChange={(text) => change(at, { [name]: text })}
                   wrong={wrong(`addresses.${at}.${name}`)} autoFocus={autoFocus && at === 0 && place === 0} />
          ))}
          {wrong(`addresses.${at}`) && <span className="wrong">{wrong(`addresses.${at}`)}</span>}
          <Button small kind="quiet" onPress={() => onChange(homes.filter((_, place) => place !== at))}>
            <Trans>Remove this address</Trans>
          </Button>
        </fieldset>
      ))}
      {wrong('addresses') && <span className="wrong">{wrong('addresses')}</span>}
      <div>
        <Button small onPress={() => onChange([...homes, EMPTY])} isDisabled={homes.length >= MOST} autoFocus={autoFocus && homes.length === 0}>
          <Trans>Add an address</Trans>
        </Button>
      </div>
    </div>
  );
}
