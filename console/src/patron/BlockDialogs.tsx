import { Trans, useLingui } from '@lingui/react/macro';
import { useState, type FormEvent } from 'react';
import { useAction } from '../graphql/action.ts';
import { BlockPatronDocument, LiftBlockDocument } from '../graphql/generated/index.ts';
import { Button } from '../ui/Button.tsx';
import { DateField } from '../ui/DateField.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { Field } from '../ui/Field.tsx';
import { ProblemNotice } from '../ui/ProblemNotice.tsx';
import { toast } from '../ui/toast.tsx';
import { moment } from '../words/format.ts';
import type { StaffBlock } from './Blocks.tsx';
import { useWrong } from './wrong.ts';

/** Blocks the account; the comment is required. */
export function BlockDialog({ patronId, onClose }: { patronId: string; onClose(): void }) {
  const { t } = useLingui();
  const block = useAction(BlockPatronDocument);
  const wrong = useWrong(block.problem);
  const [comment, setComment] = useState('');
  const [message, setMessage] = useState('');
  const [lastDay, setLastDay] = useState<string | null>(null);
  const needsComment = block.problem?.code === 'COMMENT_REQUIRED';

  async function submit(event: FormEvent) {
    event.preventDefault();
    // Through the whole of the day, where the desk is.
    const expiresAt = lastDay && new Date(`${lastDay}T23:59:59`).toISOString();
    if (!(await block.run({ patronId, comment, message: message || null, expiresAt }))) return;
    toast(t`The account is blocked.`);
    onClose();
  }

  return (
    <Dialog title={t`Block the patron`} isOpen onClose={onClose} firm={comment !== ''}>
      <form className="stack" onSubmit={submit} noValidate>
        <p className="soft">
          <Trans>No loans, renewals or reservations and no sign-in, at this library only. Returning and paying always work.</Trans>
        </p>
        {!needsComment && <ProblemNotice isUnderFields problem={block.problem} error={block.error} />}
        <Field label={t`Comment, for staff`} value={comment} onChange={setComment} rows={3} isRequired autoFocus
               wrong={needsComment ? t`Say why: whoever meets the patron next reads it.` : wrong('comment')} />
        <Field label={t`What the patron is told`} value={message} onChange={setMessage} wrong={wrong('message')}
               description={t`Left empty, only that staff blocked the account.`} />
        <DateField label={t`Last day of the block`} value={lastDay} onChange={setLastDay} wrong={wrong('expiresAt')}
                   description={t`Left empty, it stays until it is lifted.`} />
        <footer>
          <Button onPress={onClose}><Trans>Cancel</Trans></Button>
          <Button type="submit" kind="primary" isPending={block.running}><Trans>Block account</Trans></Button>
        </footer>
      </form>
    </Dialog>
  );
}

/** Lifts one block of those in force; each stands by itself. */
export function UnblockDialog({ blocks, onClose }: { blocks: readonly StaffBlock[]; onClose(): void }) {
  const { t } = useLingui();
  const lift = useAction(LiftBlockDocument);
  const wrong = useWrong(lift.problem);
  const [reason, setReason] = useState('');
  const [blockId, setBlockId] = useState(blocks[0]?.id ?? '');
  const needsReason = lift.problem?.code === 'COMMENT_REQUIRED';

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (!(await lift.run({ blockId, reason }))) return;
    toast(t`The block is lifted.`);
    onClose();
  }

  return (
    <Dialog title={t`Lift a block`} isOpen onClose={onClose} firm={reason !== ''}>
      <form className="stack" onSubmit={submit} noValidate>
        {!needsReason && <ProblemNotice isUnderFields problem={lift.problem} error={lift.error} />}
        {blocks.length === 1
          ? blocks.map((one) => <blockquote className="quoted" key={one.id}>{one.comment}</blockquote>)
          : (
            <fieldset className="clash">
              <legend><Trans>Which of them</Trans></legend>
              {blocks.map((one) => (
                <label key={one.id}>
                  <input type="radio" name="block" checked={one.id === blockId} onChange={() => setBlockId(one.id)} />
                  <span>{one.comment} <span className="soft">{moment(one.placedAt)}</span></span>
                </label>
              ))}
            </fieldset>
          )}
        <Field label={t`Why it is lifted, for staff`} value={reason} onChange={setReason} rows={2} isRequired autoFocus
               wrong={needsReason ? t`Say why it is lifted.` : wrong('reason')} />
        <footer>
          <Button onPress={onClose}><Trans>Cancel</Trans></Button>
          <Button type="submit" kind="primary" isPending={lift.running}><Trans>Lift the block</Trans></Button>
        </footer>
      </form>
    </Dialog>
  );
}
