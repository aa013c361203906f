import { Trans, useLingui } from '@lingui/react/macro';
import { useEffect, useState, type FormEvent } from 'react';
import { useAction } from '../graphql/action.ts';
import { SetPatronPinDocument } from '../graphql/generated/index.ts';
import { Button } from '../ui/Button.tsx';
import { Field } from '../ui/Field.tsx';
import { ProblemNotice } from '../ui/ProblemNotice.tsx';
import { toast } from '../ui/toast.tsx';
import { Card, FormFoot, type Editing } from './Section.tsx';
import { useWrong } from './wrong.ts';

/** The PIN: set anew or taken away, never shown. */
export function Pin({ patronId, editing }: { patronId: string; editing: Editing }) {
  const { t } = useLingui();
  return (
    <Card id="pin" title={t`PIN`} editing={editing} form={<PinForm patronId={patronId} editing={editing} />}>
      <p className="soft"><Trans>A PIN can be set and taken away; nobody can read it.</Trans></p>
    </Card>
  );
}

function PinForm({ patronId, editing }: { patronId: string; editing: Editing }) {
  const { t } = useLingui();
  const set = useAction(SetPatronPinDocument, { idempotent: false });
  const wrong = useWrong(set.problem);
  const [pin, setPin] = useState('');
  const { setDirty } = editing;
  useEffect(() => setDirty(pin !== ''), [setDirty, pin]);

  async function give(to: string | null) {
    if (!(await set.run({ patronId, pin: to }))) return;
    editing.end();
    toast(to === null ? t`The PIN is taken away. The patron is signed out everywhere.`
                      : t`The PIN is set. The patron is signed out everywhere.`);
  }
  function submit(event: FormEvent) {
    event.preventDefault();
    void give(pin);
  }

  return (
    <form className="stack" onSubmit={submit} noValidate>
      <ProblemNotice isUnderFields problem={set.problem} error={set.error} />
      <Field label={t`New PIN`} value={pin} onChange={setPin} inputMode="numeric" autoComplete="off" autoFocus
             description={t`4 to 12 digits, not all the same and not a sequence.`} wrong={wrong('pin')} />
      <FormFoot onCancel={() => editing.end()} running={set.running}>
        <Button kind="quiet" onPress={() => void give(null)}><Trans>Take the PIN away</Trans></Button>
      </FormFoot>
    </form>
  );
}
