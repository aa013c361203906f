import { Trans, useLingui } from '@lingui/react/macro';
import { useState, type FormEvent } from 'react';
import { useAction } from '../graphql/action.ts';
import { CreateCohortDocument, UpdateCohortDocument, type CohortRowFragment } from '../graphql/generated/index.ts';
import { Button } from '../ui/Button.tsx';
import { Choice } from '../ui/Choice.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { Field } from '../ui/Field.tsx';
import { ProblemNotice, wrongWith } from '../ui/ProblemNotice.tsx';

/** A new cohort, or one as it is to be; `onClose` tells whether something has changed. */
export function CohortDialog({ cohort, cohorts, onClose }: {
  cohort: CohortRowFragment | undefined;
  cohorts: readonly CohortRowFragment[];
  onClose(changed: boolean): void;
}) {
  const { t } = useLingui();
  const create = useAction(CreateCohortDocument);
  const update = useAction(UpdateCohortDocument, { idempotent: false });
  const [code, setCode] = useState(cohort?.code ?? '');
  const [name, setName] = useState(cohort?.name ?? '');
  const [next, setNext] = useState(cohort?.next?.id ?? '');
  const [graduated, setGraduated] = useState(cohort?.graduated ?? false);
  const action = cohort ? update : create;
  const isTaken = action.problem?.code === 'COHORT_CODE_TAKEN';
  const cycle = update.refusal?.__typename === 'CohortCycle' ? update.refusal.codes.join(' → ') : undefined;

  async function save(event: FormEvent) {
    event.preventDefault();
    const wanted = { code, name, graduated, nextCohortId: graduated || next === '' ? null : next };
    const done = cohort ? await update.run({ id: cohort.id, ...wanted }) : await create.run(wanted);
    if (done) onClose(done.changed);
  }

  return (
    <Dialog title={cohort ? t`Cohort ${cohort.code}` : t`New cohort`} isOpen onClose={() => onClose(false)} firm>
      <form className="stack" onSubmit={save}>
        <ProblemNotice problem={action.problem} error={action.error} />
        <Field label={t`Code`} value={code} onChange={setCode} isRequired autoFocus description={t`Short, such as 7A.`}
               wrong={isTaken ? t`Another cohort of your library has this code.` : wrongWith(action.problem, 'code')} />
        <Field label={t`Name`} value={name} onChange={setName} isRequired wrong={wrongWith(action.problem, 'name')} />
        <label className="check">
          <input type="checkbox" checked={graduated} onChange={(event) => setGraduated(event.target.checked)} />
          <span>
            <Trans>Its members have left the school</Trans>
            <span className="hint"><Trans>One cohort at most: whoever comes into it at the end of a year is deactivated.</Trans></span>
          </span>
        </label>
        {!graduated && (
          <Choice label={t`Next cohort`} value={next} onChange={setNext}
                  description={t`Where its members go at the end of a school year.`}
                  wrong={cycle ?? wrongWith(action.problem, 'nextCohortId')}
                  options={[{ id: '', label: t`None: they stay` },
                    ...cohorts.filter((one) => one.id !== cohort?.id).map((one) => ({ id: one.id, label: `${one.code} · ${one.name}` }))]} />
        )}
        <footer>
          <Button onPress={() => onClose(false)}><Trans>Cancel</Trans></Button>
          <Button type="submit" kind="primary" isPending={action.running}><Trans>Save</Trans></Button>
        </footer>
      </form>
    </Dialog>
  );
}
