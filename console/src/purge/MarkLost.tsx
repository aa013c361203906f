import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { useAction } from '../graphql/action.ts';
import { MarkLoansLostDocument, type MarkLoansLostMutation } from '../graphql/generated/index.ts';
import { codeWords } from '../jobs/words.ts';
import { useMay } from '../session/session.tsx';
import { Button } from '../ui/Button.tsx';
import { Chip } from '../ui/Chip.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { ProblemNotice } from '../ui/ProblemNotice.tsx';
import { Skeleton } from '../ui/Skeleton.tsx';
import { toast } from '../ui/toast.tsx';
import { day, money } from '../words/format.ts';

interface Props {
  patronId: string;
  name: string;
  count: number;
  onChanged(): void;
}

type Preview = Extract<MarkLoansLostMutation['markLoansLost'], { __typename: 'MarkLoansLostPreview' }>;

/** "2 items on loan", which opens the list of them and the way to give them up. */
export function LoansButton(props: Props) {
  const [isOpen, setIsOpen] = useState(false);
  const mayGiveUp = useMay('ITEMS_MARK_LOST');
  const words = <Plural value={props.count} one="# item on loan" other="# items on loan" />;
  if (!mayGiveUp) return <Chip tone="warn">{words}</Chip>;
  return (
    <>
      <Button small onPress={() => setIsOpen(true)}>{words}</Button>
      {isOpen && <MarkLost {...props} onClose={() => setIsOpen(false)} />}
    </>
  );
}

function MarkLost({ patronId, name, onChanged, onClose }: Props & { onClose(): void }) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const look = useAction(MarkLoansLostDocument);
  const mark = useAction(MarkLoansLostDocument);
  const [preview, setPreview] = useState<Preview>();
  const runLook = look.run;
  useEffect(() => {
    void runLook({ patronId, loanIds: [], dryRun: true, purge: false }).then((seen) => {
      if (seen?.__typename === 'MarkLoansLostPreview') setPreview(seen);
    });
  }, [patronId, runLook]);

  async function act(purge: boolean) {
    if (!preview) return;
    const done = await mark.run({ patronId, loanIds: preview.loans.map((one) => one.loanId), dryRun: false, purge });
    if (done?.__typename !== 'MarkLoansLostSuccess') return;
    if (done.job) {
      void navigate({ to: '/jobs/$id', params: { id: done.job.id } });
      return;
    }
    toast(t`Marked as lost: ${done.count}. ${name} can be tagged now.`);
    onChanged();
    onClose();
  }

  return (
    <Dialog title={t`Outstanding loans of ${name}`} isOpen onClose={onClose} wide>
      <ProblemNotice problem={look.problem} error={look.error} />
      {look.running && <Skeleton rows={3} />}
      {preview && <Losses preview={preview} />}
      <ProblemNotice problem={mark.problem} error={mark.error} />
      <footer>
        <Button onPress={onClose}><Trans>Close</Trans></Button>
        {preview && preview.loans.length > 0 && (
          <>
            <Button isPending={mark.running} onPress={() => void act(false)}><Trans>Mark as lost</Trans></Button>
            <Button kind="danger" isPending={mark.running} onPress={() => void act(true)}><Trans>Mark as lost and purge</Trans></Button>
          </>
        )}
      </footer>
    </Dialog>
  );
}

function Losses({ preview }: { preview: Preview }) {
  const { t, i18n } = useLingui();
  const sum = (amount: string | null) => (amount === null || !preview.currency ? '–' : money(amount, preview.currency));
  return (
    <>
      <p>
        <Trans>To write them off: the items become lost, the loans are closed, and what they cost is charged and written off at once.</Trans>
      </p>
      <div className="table-frame">
        <table className="table">
          <caption className="only-heard">{t`Outstanding loans`}</caption>
          <thead>
            <tr>
              <th scope="col"><Trans>Title</Trans></th>
              <th scope="col"><Trans>Barcode</Trans></th>
              <th scope="col"><Trans>Due</Trans></th>
              <th scope="col" className="number"><Trans>Price</Trans></th>
              <th scope="col" className="number"><Trans>Charges</Trans></th>
              <th scope="col" className="number"><Trans>Written off</Trans></th>
            </tr>
          </thead>
          <tbody>
            {preview.loans.map((loan) => (
              <tr key={loan.loanId}>
                <td data-label={t`Title`}>{loan.title}</td>
                <td data-label={t`Barcode`} className="mono">{loan.itemBarcode}</td>
                <td data-label={t`Due`}>{day(loan.dueAt)}</td>
                <td data-label={t`Price`} className="number">{sum(loan.price)}</td>
                <td data-label={t`Charges`} className="number">{sum(loan.openCharges)}</td>
                <td data-label={t`Written off`} className="number">{sum(loan.writtenOff)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="big"><Trans>Written off in all: {sum(preview.writtenOff)}</Trans></p>
      {preview.obstacles.length > 0 && (
        <div className="notice warn">
          <strong><Trans>Something else stands in the way of the purge:</Trans></strong>
          <ul>
            {preview.obstacles.map((one) => (
              <li key={one.code}>{codeWords[one.code] ? i18n._(codeWords[one.code]!) : one.code}</li>
            ))}
          </ul>
        </div>
      )}
    </>
  );
}
