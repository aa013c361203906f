// One section in edit: what was typed, what somebody else saved meanwhile, and how it is sent.
import { useEffect, useMemo, useState } from 'react';
import { useAction, type Action } from '../graphql/action.ts';
import {
  EditPatronDocument, PatronDetailsFragmentDoc, unmask,
  type EditPatronInput, type EditPatronMutation, type PatronDetailsFragment, type PatronSectionInput,
} from '../graphql/generated/index.ts';
import { given, valuesOf, type FieldSpec, type SectionName } from './fields.ts';
import { changes, conflicts, rebase, type Value, type Values } from './merge.ts';
import { useWrong } from './wrong.ts';

/** What somebody else saved while the section was in edit. */
export interface Clash {
  /** Fields that both changed; the rest of theirs is taken over. */
  fields: readonly string[];
  mine: Values;
  theirs: Values;
}

export interface SectionForm {
  values: Values;
  set(name: string, value: Value): void;
  isDirty: boolean;
  clash: Clash | undefined;
  edit: Action<EditPatronMutation, Omit<EditPatronInput, 'idempotencyKey'>>;
  wrong(path: string): string | undefined;
  /** Whether it was saved, or nothing was to be saved. */
  save(): Promise<boolean>;
}

export function useSectionForm(section: SectionName, fields: readonly FieldSpec[], patron: PatronDetailsFragment): SectionForm {
  const edit = useAction(EditPatronDocument);
  const wrong = useWrong(edit.problem);
  const [start, setStart] = useState(() => ({ version: patron.version, base: valuesOf(fields, patron) }));
  const [values, setValues] = useState(start.base);
  const [clash, setClash] = useState<Clash>();
  const changed = useMemo(() => changes(start.base, values), [start.base, values]);
  const isDirty = Object.keys(changed).length > 0;

  const { refusal } = edit;
  useEffect(() => {
    if (refusal?.__typename !== 'VersionConflict' || !refusal.current) return;
    const theirs = valuesOf(fields, unmask(PatronDetailsFragmentDoc, refusal.current));
    setClash({ fields: conflicts(start.base, values, theirs), mine: values, theirs });
    setValues(rebase(start.base, values, theirs));
    setStart({ version: refusal.currentVersion, base: theirs });
    // Once for each refusal: what it is compared with is what was sent.
  }, [refusal]);

  async function save() {
    if (!isDirty) return true;
    const body = section === 'addresses' ? changed.addresses : given(changed);
    const done = await edit.run({
      id: patron.id, version: start.version, section: { [section]: body } as unknown as PatronSectionInput,
    });
    return done !== undefined;
  }

  return {
    values,
    set: (name, value) => setValues((before) => ({ ...before, [name]: value })),
    isDirty,
    clash,
    edit,
    wrong: (path) => wrong(section === 'addresses' ? `section.${path}` : `section.${section}.${path}`),
    save,
  };
}
