// A section is a list of fields: the card shows them, the form edits them, the choice after a conflict names them.
import type { MessageDescriptor } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import { useLingui } from '@lingui/react/macro';
import type { AccountChoicesFragment, AddressKind, PatronDetailsFragment } from '../graphql/generated/index.ts';
import type { Option } from '../ui/Choice.tsx';
import { day } from '../words/format.ts';
import type { Home, Value, Values } from './merge.ts';

export interface FieldSpec {
  name: string;
  label: string;
  of: 'text' | 'email' | 'tel' | 'day' | 'choice' | 'suggested' | 'flag' | 'notes' | 'addresses';
  options?: readonly Option<string>[];
  description?: string;
}

export type SectionName = 'identity' | 'contact' | 'addresses' | 'library' | 'notes';

export const kindWords: Record<AddressKind, MessageDescriptor> = {
  HOME: msg`Home address`,
  MAILING: msg`Mailing address`,
  OTHER: msg`Other address`,
};

export function lines(home: Home): string {
  return [home.street, [home.postalCode, home.city].filter(Boolean).join(' '), home.region, home.country]
    .filter(Boolean).join(', ');
}

/** A value as a person reads it; empty for none. */
export function useShown(): (field: FieldSpec, value: Value | undefined) => string {
  const { t } = useLingui();
  return (field, value) => {
    if (typeof value === 'boolean') return value ? t`Yes` : t`No`;
    if (typeof value !== 'string') return (value ?? []).map(lines).join(' · ');
    if (value === '') return '';
    if (field.of === 'day') return day(value);
    if (field.of === 'choice') return field.options?.find((one) => one.id === value)?.label ?? value;
    return value;
  };
}

/** The fields of every section, in the viewer's language. */
export function useSections(choices: AccountChoicesFragment): Record<SectionName, FieldSpec[]> {
  const { t } = useLingui();
  const none = { id: '', label: '—' };
  return {
    identity: [
      { name: 'firstName', label: t`Given name`, of: 'text' },
      { name: 'middleName', label: t`Middle name`, of: 'text' },
      { name: 'lastName', label: t`Family name`, of: 'text' },
      { name: 'preferredName', label: t`Wants to be called`, of: 'text' },
      { name: 'dateOfBirth', label: t`Date of birth`, of: 'day' },
    ],
    contact: [
      { name: 'email', label: t`E-mail`, of: 'email' },
      { name: 'phone', label: t`Telephone`, of: 'tel' },
    ],
    addresses: [{ name: 'addresses', label: t`Addresses`, of: 'addresses' }],
    library: [
      { name: 'barcode', label: t`Barcode`, of: 'text',
        description: t`A new barcode is a new card; the cards before it become inactive.` },
      { name: 'username', label: t`Username`, of: 'text' },
      { name: 'category', label: t`Category`, of: 'suggested',
        options: choices.categories.map(({ name }) => ({ id: name, label: name })) },
      { name: 'branchId', label: t`Home branch`, of: 'choice',
        options: [none, ...choices.branches.map(({ id, name }) => ({ id, label: name }))] },
      { name: 'cohortId', label: t`Year group`, of: 'choice',
        options: [none, ...choices.cohorts.map(({ id, name }) => ({ id, label: name }))] },
      { name: 'expiresOn', label: t`Last day`, of: 'day' },
      { name: 'protected', label: t`Kept from deletion`, of: 'flag' },
    ],
    notes: [{ name: 'notes', label: t`Notes for staff`, of: 'notes' }],
  };
}

/** The values of one section, nothing as ''. */
export function valuesOf(fields: readonly FieldSpec[], patron: PatronDetailsFragment): Values {
  const all: Values = {
    ...Object.fromEntries(Object.entries(patron).filter(([, value]) => typeof value !== 'object')),
    branchId: patron.branch?.id ?? '',
    cohortId: patron.cohort?.id ?? '',
    addresses: homesOf(patron.addresses),
  };
  return Object.fromEntries(fields.map(({ name }) => [name, all[name] ?? '']));
}

export function homesOf(addresses: readonly Home[]): Home[] {
  return addresses.map(({ kind, street, postalCode, city, region, country }) => ({
    kind, street, postalCode, city, region, country,
  }));
}

/** As the API takes it: nothing is null. */
export function given(values: Values): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value === '' ? null : value]));
}
