import { Trans, useLingui } from '@lingui/react/macro';
import { useState, type FormEvent, type ReactNode } from 'react';
import { useAction } from '../graphql/action.ts';
import { UpdateLibraryPolicyDocument, type LibraryPolicyFragment } from '../graphql/generated/index.ts';
import { Button } from '../ui/Button.tsx';
import { Choice } from '../ui/Choice.tsx';
import { Field } from '../ui/Field.tsx';
import { ProblemNotice, wrongWith } from '../ui/ProblemNotice.tsx';
import { toast } from '../ui/toast.tsx';
import { useUnsavedGuard } from '../ui/unsaved.ts';
import { LANGUAGES } from '../words/language.ts';
import { amount, wholeNumber } from './values.ts';

/** The policy as it stands in the fields: texts, so that nothing typed is lost. */
function typed(policy: LibraryPolicyFragment) {
  return {
    name: policy.name,
    locale: policy.locale,
    blocks: policy.blockLevel !== null,
    blockLevel: policy.blockLevel ?? '0.00',
    groupLeadAccess: policy.groupLeadAccess,
    retainDeletedPatronLoans: policy.retainDeletedPatronLoans,
    purgeWaiveLimit: policy.purgeWaiveLimit,
    graceDays: String(policy.graceDays),
    maxPurgePerOperation: String(policy.maxPurgePerOperation),
    exportTtlHours: String(policy.exportTtlHours),
  };
}

type Typed = ReturnType<typeof typed>;
type Wrong = Partial<Record<keyof Typed, string>>;

export function PolicyForm({ policy }: { policy: LibraryPolicyFragment }) {
  const { t } = useLingui();
  const update = useAction(UpdateLibraryPolicyDocument, { idempotent: false });
  const kept = typed(policy);
  const [changes, setChanges] = useState<Partial<Typed>>({});
  const [wrong, setWrong] = useState<Wrong>({});
  const now = { ...kept, ...changes };
  const isDirty = (Object.keys(kept) as (keyof Typed)[]).some((name) => kept[name] !== now[name]);
  useUnsavedGuard(isDirty);
  const set = <Name extends keyof Typed>(name: Name) => (value: Typed[Name]) => setChanges((before) => ({ ...before, [name]: value }));
  const about = (name: keyof Typed) => wrong[name] ?? wrongWith(update.problem, name);

  function read() {
    const values = {
      blockLevel: now.blocks ? amount(now.blockLevel) : null,
      purgeWaiveLimit: amount(now.purgeWaiveLimit),
      graceDays: wholeNumber(now.graceDays),
      maxPurgePerOperation: wholeNumber(now.maxPurgePerOperation),
      exportTtlHours: wholeNumber(now.exportTtlHours),
    };
    const found: Wrong = {};
    for (const name of ['blockLevel', 'purgeWaiveLimit'] as const) if (values[name] === undefined) found[name] = t`An amount is needed, such as 12.50.`;
    for (const name of ['graceDays', 'maxPurgePerOperation', 'exportTtlHours'] as const) if (values[name] === undefined) found[name] = t`A whole number is needed.`;
    setWrong(found);
    return Object.keys(found).length > 0 ? undefined : values;
  }

  async function save(event: FormEvent) {
    event.preventDefault();
    const values = read();
    if (!values) return;
    const { name, locale, groupLeadAccess, retainDeletedPatronLoans } = now;
    const done = await update.run({ name, locale, groupLeadAccess, retainDeletedPatronLoans, ...values });
    if (!done) return;
    setChanges({});
    toast(done.changed ? t`The settings were saved.` : t`Nothing was changed.`);
  }

  return (
    <form className="policy" onSubmit={save}>
      <ProblemNotice isUnderFields problem={update.problem} error={update.error} />
      <Part title={t`Library`}>
        <Field label={t`Name`} value={now.name} onChange={set('name')} isRequired wrong={about('name')} />
        <Choice label={t`Language of letters and files`} value={now.locale} onChange={set('locale')} wrong={about('locale')}
                options={languages(kept.locale)} />
        <p className="soft"><Trans>Code {policy.code} and currency {policy.currency} are set when a library is made.</Trans></p>
      </Part>
      <Part title={t`Debts and groups`}>
        <Check value={now.blocks} onChange={set('blocks')} label={t`Debts block`}
               hint={t`A patron who owes this much or more cannot borrow, renew or reserve until less is owed.`} />
        {now.blocks && (
          <Field label={t`Debt from which a patron is blocked, in ${policy.currency}`} value={now.blockLevel} onChange={set('blockLevel')}
                 inputMode="decimal" description={t`0 blocks for any debt.`} wrong={about('blockLevel')} />
        )}
        <Check value={now.groupLeadAccess} onChange={set('groupLeadAccess')} label={t`The lead of a group sees its counts and totals`}
               hint={t`When the lead signs in. Titles are seen only with the consent of each member.`} />
      </Part>
      <Part title={t`Erasure`}>
        <Check value={now.retainDeletedPatronLoans} onChange={set('retainDeletedPatronLoans')} label={t`Keep the loans of erased patrons as anonymous statistics`}
               hint={t`Without it the statistics show present patrons only.`} />
        <Field label={t`Debt that a purge writes off, in ${policy.currency}`} value={now.purgeWaiveLimit} onChange={set('purgeWaiveLimit')}
               inputMode="decimal" description={t`A patron who owes more is not purged.`} wrong={about('purgeWaiveLimit')} />
        <Field label={t`Days of grace`} value={now.graceDays} onChange={set('graceDays')} inputMode="numeric"
               description={t`Between the start of a purge and erasure, 0 to 365. Until then a patron can be restored.`} wrong={about('graceDays')} />
        <Field label={t`Most patrons in one purge`} value={now.maxPurgePerOperation} onChange={set('maxPurgePerOperation')} inputMode="numeric"
               description={t`When they are tagged by hand, 1 to 200.`} wrong={about('maxPurgePerOperation')} />
        <Field label={t`Hours that an export is kept`} value={now.exportTtlHours} onChange={set('exportTtlHours')} inputMode="numeric"
               description={t`Then the file is erased, 1 to 720.`} wrong={about('exportTtlHours')} />
      </Part>
      {isDirty && (
        <div className="sticky-bar">
          <span className="soft"><Trans>Not saved yet.</Trans></span>
          <Button type="submit" kind="primary" isPending={update.running}><Trans>Save</Trans></Button>
          <Button onPress={() => { setChanges({}); setWrong({}); update.forget(); }}><Trans>Discard changes</Trans></Button>
        </div>
      )}
    </form>
  );
}

function languages(kept: string) {
  const known = Object.entries(LANGUAGES).map(([id, label]) => ({ id, label: label as string }));
  return known.some(({ id }) => id === kept) ? known : [...known, { id: kept, label: kept }];
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return <fieldset className="card stack"><legend>{title}</legend>{children}</fieldset>;
}

function Check({ value, onChange, label, hint }: { value: boolean; onChange(value: boolean): void; label: string; hint: string }) {
  return (
    <label className="check">
      <input type="checkbox" checked={value} onChange={(event) => onChange(event.target.checked)} />
      <span>{label}<span className="hint">{hint}</span></span>
    </label>
  );
}
