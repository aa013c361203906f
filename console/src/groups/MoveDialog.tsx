// A move in two steps: a barcode, then who it is; only then Move. Made for a scanner and for the keyboard.
import { Trans, useLingui } from '@lingui/react/macro';
import { useEffect, useRef, useState, type FormEvent, type KeyboardEvent } from 'react';
import { useAction, type Success } from '../graphql/action.ts';
import {
  MoveToGroupDocument, MoverFragmentDoc, unmask, type MoveToGroupInput, type MoveToGroupMutation, type MoverFragment,
} from '../graphql/generated/index.ts';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { Field } from '../ui/Field.tsx';
import { ProblemNotice } from '../ui/ProblemNotice.tsx';
import { Movers } from './Movers.tsx';
import { undoMove, type Undo } from './undo.ts';

export type MovePreview = Extract<Success<MoveToGroupMutation>, { __typename: 'MoveToGroupPreview' }>;

interface Props {
  title: string;
  label: string;
  /** Whose barcode is asked for: who moves, or a member of the group to move to. */
  asksFor: 'mover' | 'target';
  inputOf(barcode: string): Omit<MoveToGroupInput, 'confirm'>;
  /** Who gets a group by this move because nobody had one to move to. */
  founder?: string | undefined;
  onClose(): void;
  onMoved(moved: readonly MoverFragment[], undo: Undo | undefined): void;
}

export function MoveDialog({ title, label, asksFor, inputOf, founder, onClose, onMoved }: Props) {
  const { t } = useLingui();
  const { run, running, problem, error, forget } = useAction(MoveToGroupDocument, { idempotent: false });
  const form = useRef<HTMLFormElement>(null);
  const [barcode, setBarcode] = useState('');
  const [shown, setShown] = useState<{ barcode: string; preview: MovePreview }>();
  const unknown = problem?.code === 'NOT_FOUND' ? t`No patron of your library has this barcode.` : undefined;

  // Enter confirms what is shown, and nothing else: a further scan is a further look.
  useEffect(() => {
    if (shown && shown.preview.changed > 0) form.current?.querySelector<HTMLElement>('[type=submit]')?.focus();
  }, [shown]);

  function change(text: string) {
    setBarcode(text);
    setShown(undefined);
    forget();
  }

  /** What is typed while Move has the focus belongs into the box. */
  function onKeyDown(event: KeyboardEvent) {
    if (!shown || event.target instanceof HTMLInputElement) return;
    if (event.key.length !== 1 || event.key === ' ' || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    change(event.key);
    form.current?.querySelector('input')?.focus();
  }

  async function look(wanted: string) {
    const seen = await run({ ...inputOf(wanted), confirm: false });
    if (seen?.__typename === 'MoveToGroupPreview') setShown({ barcode: wanted, preview: seen });
    else form.current?.querySelector('input')?.select();
  }

  async function move(seen: { barcode: string; preview: MovePreview }) {
    const done = await run({ ...inputOf(seen.barcode), confirm: true });
    if (done?.__typename !== 'MoveToGroupSuccess') {
      setShown(undefined);
      return;
    }
    const moved = unmask(MoverFragmentDoc, seen.preview.moving);
    const target = unmask(MoverFragmentDoc, seen.preview.targetMember);
    const first = seen.preview.targetGroup ? undefined : target?.id ?? founder;
    onMoved(moved, undoMove(moved, done.dissolvedCount, first));
    onClose();
  }

  function submit(event: FormEvent) {
    event.preventDefault();
    const wanted = barcode.trim();
    if (shown && shown.preview.changed > 0) void move(shown);
    else if (wanted && !shown) void look(wanted);
  }

  return (
    <Dialog title={title} isOpen onClose={onClose} firm>
      <form ref={form} className="answer" onSubmit={submit} onKeyDown={onKeyDown} noValidate>
        {!unknown && <ProblemNotice problem={problem} error={error} />}
        <Field label={label} value={barcode} onChange={change} autoFocus autoComplete="off" spellCheck="false" wrong={unknown}
               placeholder={t`Scan or type a barcode`} />
        {shown && <Movers preview={shown.preview} asksFor={asksFor} />}
        <footer>
          <Button onPress={onClose}><Trans>Close</Trans></Button>
          {shown && shown.preview.changed > 0
            ? <Button key="move" type="submit" kind="primary" isPending={running}><Trans>Move</Trans></Button>
            : <Button key="look" type="submit" isPending={running} isDisabled={shown !== undefined}><Trans>Look up</Trans></Button>}
        </footer>
      </form>
    </Dialog>
  );
}
