// Register a patron; with cloneFrom a relative, who joins the group. Save and clone goes on with the next one.
import { Trans, useLingui } from '@lingui/react/macro';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useRef, useState, type KeyboardEvent } from 'react';
import { useQuery } from 'urql';
import { useAction } from '../graphql/action.ts';
import {
  AccountChoicesFragmentDoc, NewPatronDocument, RegisterPatronDocument, unmask, type AccountChoicesFragment,
  type NewPatronQuery, type RegisterPatronInput,
} from '../graphql/generated/index.ts';
import { Can, useMay } from '../session/session.tsx';
import { Answer } from '../ui/Answer.tsx';
import { Button } from '../ui/Button.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';
import { Page } from '../ui/Page.tsx';
import { ProblemNotice } from '../ui/ProblemNotice.tsx';
import { toast } from '../ui/toast.tsx';
import { useUnsavedGuard } from '../ui/unsaved.ts';
import { FieldEditor } from './FieldEditor.tsx';
import { given, homesOf, useSections, type FieldSpec } from './fields.ts';
import { changes, type Values } from './merge.ts';
import './patron.css';
import { useWrong } from './wrong.ts';

type Relative = NonNullable<NewPatronQuery['patron']>;

export default function NewPatron() {
  const { t } = useLingui();
  const { cloneFrom } = useSearch({ from: '/shell/patrons/new' });
  const mayClone = useMay('GROUPS_MANAGE');
  const isClone = cloneFrom !== undefined && mayClone;
  const [state, again] = useQuery({ query: NewPatronDocument, variables: { cloneFrom: cloneFrom ?? '', isClone } });
  return (
    <Page title={isClone ? t`Register a relative` : t`Register a patron`} key={cloneFrom ?? ''} keepFocus>
      <Answer state={state} retry={again}>
        {({ library, patron }) => (isClone && !patron ? (
          <EmptyState title={t`Your library has no such patron.`}>
            <Trans>The account may have been deleted, or it belongs to another library.</Trans>
          </EmptyState>
        ) : <Form choices={unmask(AccountChoicesFragmentDoc, library)} relative={patron ?? undefined} />)}
      </Answer>
    </Page>
  );
}

const EMPTY: Values = {
  firstName: '', middleName: '', lastName: '', preferredName: '', dateOfBirth: '', barcode: '', username: '', pin: '',
  email: '', phone: '', addresses: [], category: '', branchId: '', cohortId: '', expiresOn: '', notes: '',
};

function Form({ choices, relative }: { choices: AccountChoicesFragment; relative: Relative | undefined }) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const register = useAction(RegisterPatronDocument);
  const wrong = useWrong(register.problem);
  const [base] = useState<Values>(() => (relative ? {
    ...EMPTY, phone: relative.phone ?? '', category: relative.category, branchId: relative.branch?.id ?? '',
    addresses: homesOf(relative.addresses),
  } : EMPTY));
  const [values, setValues] = useState(base);
  const [isSaved, setIsSaved] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const isDirty = !isSaved && Object.keys(changes(base, values)).length > 0;
  useUnsavedGuard(isDirty);
  const columns = useColumns(choices);

  useEffect(() => {
    if (register.problem) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [register.problem]);
  async function save(thenClone: boolean) {
    const input = { ...given(values), ...(relative && { cloneFrom: relative.id }) } as unknown as RegisterPatronInput;
    const done = await register.run(input);
    if (!done) return;
    const { patron } = done;
    toast(t`${patron.displayName} is registered.`);
    setIsSaved(true);
    if (thenClone) await navigate({ to: '/patrons/new', search: { cloneFrom: patron.id }, ignoreBlocker: true });
    else await navigate({ to: '/patrons/$id/data', params: { id: patron.id }, ignoreBlocker: true });
  }

  return (
    <form ref={form} className="stack" noValidate onKeyDown={afterScan} onSubmit={(event) => { event.preventDefault(); void save(false); }}>
      {relative && (
        <p className="soft">
          {relative.group
            ? <Trans>Joins the group of {relative.displayName}. Home branch, category, telephone and addresses are copied.</Trans>
            : <Trans>A group is made with {relative.displayName}. Home branch, category, telephone and addresses are copied.</Trans>}
        </p>
      )}
      <ProblemNotice isUnderFields problem={register.problem} error={register.error} />
      <div className="columns">
        {columns.map((cards, column) => (
          <div key={column}>
            {cards.map(({ title, fields }, at) => (
              <section className="card" key={title} aria-label={title}>
                <header><h2>{title}</h2></header>
                <div className={fields.length === 1 ? 'stack sole' : 'stack'}>
                  {fields.map((field, place) => (
                    <FieldEditor key={field.name} field={field} value={values[field.name] ?? ''}
                                 autoFocus={column + at + place === 0}
                                 wrong={wrong}
                                 onChange={(value) => setValues((before) => ({ ...before, [field.name]: value }))} />
                  ))}
                </div>
              </section>
            ))}
          </div>
        ))}
      </div>
      <div className="sticky-bar no-print">
        <Button type="submit" kind="primary" isPending={register.running}><Trans>Save</Trans></Button>
        <Can permission="GROUPS_MANAGE">
          <Button onPress={() => void save(true)} isPending={register.running}><Trans>Save and clone</Trans></Button>
        </Can>
      </div>
    </form>
  );
}

interface FormCard {
  title: string;
  fields: FieldSpec[];
}

function useColumns(choices: AccountChoicesFragment): FormCard[][] {
  const { t } = useLingui();
  const { identity, contact, addresses, library, notes } = useSections(choices);
  const account = library.filter(({ name }) => name !== 'protected')
    .map((field) => ({ ...field, description: undefined }));
  const pin: FieldSpec = {
    name: 'pin', label: t`PIN`, of: 'text', description: t`4 to 12 digits, not all the same and not a sequence.`,
  };
  return [
    [{ title: t`Name`, fields: identity }, { title: t`Contact`, fields: [...contact, ...addresses] }],
    [
      { title: t`Card and account`, fields: [...account.slice(0, 2), pin, ...account.slice(2)] },
      { title: t`Notes for staff`, fields: notes },
    ],
  ];
}

/** A scanner ends with Enter: that goes on to the next field and sends nothing yet. */
function afterScan(event: KeyboardEvent<HTMLFormElement>): void {
  const field = event.target;
  if (event.key !== 'Enter' || !(field instanceof HTMLInputElement) || field.name !== 'barcode') return;
  event.preventDefault();
  const all = [...event.currentTarget.querySelectorAll<HTMLElement>('input, select, textarea')];
  all[all.indexOf(field) + 1]?.focus();
}
