// Three states of a form: what the edit began from, what was typed, and what somebody else saved meanwhile.
export interface Home {
  kind: string;
  street: string;
  postalCode: string;
  city: string;
  region: string;
  country: string;
}

export type Value = string | boolean | readonly Home[];
export type Values = Record<string, Value>;

export function same(one: Value | undefined, other: Value | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** The fields that differ from what the edit began from, and nothing else. */
export function changes(base: Values, mine: Values): Values {
  return Object.fromEntries(Object.entries(mine).filter(([name, value]) => !same(value, base[name])));
}

/** Names of the fields that both changed, each to something else: only a person can choose. */
export function conflicts(base: Values, mine: Values, theirs: Values): string[] {
  return Object.keys(changes(base, mine)).filter((name) => !same(theirs[name], base[name]) && !same(theirs[name], mine[name]));
}

/** What was typed, upon what somebody else saved. */
export function rebase(base: Values, mine: Values, theirs: Values): Values {
  return { ...theirs, ...changes(base, mine) };
}
