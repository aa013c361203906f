// A card of the patron's data: to read, with a pen; or as a form. One of them is in edit at a time.
import { Trans, useLingui } from '@lingui/react/macro';
import { useEffect, useRef, type FormEvent, type KeyboardEvent, type ReactNode } from 'react';
import type { PatronDetailsFragment } from '../graphql/generated/index.ts';
import { Can } from '../session/session.tsx';
import { Button } from '../ui/Button.tsx';
import { ProblemNotice } from '../ui/ProblemNotice.tsx';
import { toast } from '../ui/toast.tsx';
import { ClashChoice } from './ClashChoice.tsx';
import { FieldEditor } from './FieldEditor.tsx';
import { useShown, valuesOf, type FieldSpec, type SectionName } from './fields.ts';
import { useSectionForm } from './useSectionForm.ts';

/** Which card is in edit; opening another asks when something is unsaved. */
export interface Editing {
  open: string | undefined;
  begin(section: string): void;
  end(): void;
  setDirty(isDirty: boolean): void;
}

interface Props {
  id: SectionName;
  title: string;
  fields: readonly FieldSpec[];
  patron: PatronDetailsFragment;
  editing: Editing;
  /** Shown instead of the plain facts. */
  children?: ReactNode;
}

export function Section({ id, title, fields, patron, editing, children }: Props) {
  return (
    <Card id={id} title={title} editing={editing}
          form={<SectionForm id={id} title={title} fields={fields} patron={patron} editing={editing} />}>
      {children ?? <Facts fields={fields} patron={patron} />}
    </Card>
  );
}

/** The card around what is shown and what edits it; the pen gets the focus back. */
export function Card({ id, title, editing, form, children }: {
  id: string;
  title: string;
  editing: Editing;
  form: ReactNode;
  children: ReactNode;
}) {
  const { t } = useLingui();
  const isOpen = editing.open === id;
  const head = useRef<HTMLElement>(null);
  const wasOpen = useRef(false);
  useEffect(() => {
    if (wasOpen.current && !isOpen) head.current?.querySelector('button')?.focus();
    wasOpen.current = isOpen;
  }, [isOpen]);
  return (
    <section className={isOpen ? 'card editing' : 'card'} aria-labelledby={`card-${id}`}>
      <header ref={head}>
        <h2 id={`card-${id}`}>{title}</h2>
        {!isOpen && (
          <Can permission="PATRONS_EDIT">
            <Button kind="quiet" small aria-label={t`Edit: ${title}`} onPress={() => editing.begin(id)}>
              <span className="pen" aria-hidden="true">✎</span>
            </Button>
          </Can>
        )}
      </header>
      {isOpen ? form : children}
    </section>
  );
}

function Facts({ fields, patron }: { fields: readonly FieldSpec[]; patron: PatronDetailsFragment }) {
  const { t } = useLingui();
  const shown = useShown();
  const values = valuesOf(fields, patron);
  const rows = fields.map((field) => ({ field, text: shown(field, values[field.name]) })).filter(({ text }) => text !== '');
  if (rows.length === 0) return <p className="soft">{t`Nothing is recorded.`}</p>;
  return (
    <dl className="facts">
      {rows.map(({ field, text }) => (
        <div key={field.name}>
          <dt>{field.label}</dt>
          <dd className={field.name === 'barcode' ? 'mono' : undefined}>{text}</dd>
        </div>
      ))}
    </dl>
  );
}

function SectionForm({ id, title, fields, patron, editing }: Omit<Props, 'children'>) {
  const { t } = useLingui();
  const form = useSectionForm(id, fields, patron);
  const { setDirty } = editing;
  useEffect(() => setDirty(form.isDirty), [setDirty, form.isDirty]);

  async function submit(event: FormEvent) {
    event.preventDefault();
    const hadChanges = form.isDirty;
    if (!(await form.save())) return;
    editing.end();
    if (hadChanges) toast(t`Saved: ${title}`);
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape' && !form.isDirty) editing.end();
  };

  return (
    <form className={fields.length === 1 ? 'stack sole' : 'stack'} onSubmit={submit} onKeyDown={onKeyDown} noValidate>
      {form.clash
        ? <ClashChoice clash={form.clash} fields={fields} values={form.values} onChoose={form.set} />
        : <ProblemNotice isUnderFields problem={form.edit.problem} error={form.edit.error} />}
      {form.clash && form.edit.problem?.code !== 'VERSION_CONFLICT' && (
        <ProblemNotice isUnderFields problem={form.edit.problem} error={form.edit.error} />
      )}
      {fields.map((field, place) => (
        <FieldEditor key={field.name} field={field} value={form.values[field.name] ?? ''} wrong={form.wrong}
                     onChange={(value) => form.set(field.name, value)} autoFocus={place === 0} />
      ))}
      <FormFoot onCancel={() => editing.end()} running={form.edit.running} />
    </form>
  );
}

/** Cancel and Save. */
export function FormFoot({ onCancel, running, children }: { onCancel(): void; running: boolean; children?: ReactNode }) {
  return (
    <div className="form-foot">
      <Button type="submit" kind="primary" isPending={running}><Trans>Save</Trans></Button>
      <Button onPress={onCancel}><Trans>Cancel</Trans></Button>
      {children}
    </div>
  );
}
