import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useEffect, useMemo, useState } from 'react';
import { useAction, type Success } from '../graphql/action.ts';
import { WriteOffLoansDocument, type WriteOffLoansMutation } from '../graphql/generated/index.ts';
import { useViewer } from '../session/session.tsx';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { ProblemNotice } from '../ui/ProblemNotice.tsx';
import { Skeleton } from '../ui/Skeleton.tsx';
import { Table, type Column } from '../ui/Table.tsx';
import { toast } from '../ui/toast.tsx';
import { day, money } from '../words/format.ts';
import { Work } from './Work.tsx';

type Preview = Extract<Success<WriteOffLoansMutation>, { __typename: 'MarkLoansLostPreview' }>;
type Loss = Preview['loans'][number];

/** What giving up the outstanding loans would do, and then does: exactly those that were shown. */
export function WriteOff({ patronId, onClose, onDone }: { patronId: string; onClose(): void; onDone(): void }) {
  const { t } = useLingui();
  const { run: look, ...looking } = useAction(WriteOffLoansDocument);
  const { run, running, problem, error } = useAction(WriteOffLoansDocument);
  const [preview, setPreview] = useState<Preview>();

  useEffect(() => {
    void look({ patronId, loanIds: [], dryRun: true, purge: false }).then((shown) => {
      if (shown?.__typename === 'MarkLoansLostPreview') setPreview(shown);
    });
  }, [look, patronId]);

  async function confirm(shown: Preview) {
    const done = await run({ patronId, loanIds: shown.loans.map((one) => one.loanId), dryRun: false, purge: false });
    if (done?.__typename !== 'MarkLoansLostSuccess') return;
    toast(t`Marked as lost: ${done.count}`);
    onDone();
    onClose();
  }

  return (
    <Dialog title={t`Mark all as lost`} isOpen onClose={onClose} firm wide>
      <ProblemNotice problem={looking.problem ?? problem} error={looking.error ?? error} />
      {preview ? <Losses preview={preview} /> : !looking.problem && !looking.error && <Skeleton rows={3} />}
      <footer>
        <Button onPress={onClose}><Trans>Close</Trans></Button>
        {preview && preview.loans.length > 0 && (
          <Button kind="danger" isPending={running} onPress={() => void confirm(preview)}>
            <Plural value={preview.loans.length} one="Mark # item as lost" other="Mark # items as lost" />
          </Button>
        )}
      </footer>
    </Dialog>
  );
}

function Losses({ preview }: { preview: Preview }) {
  const { t, i18n } = useLingui();
  const own = useViewer().library.currency;
  const currency = preview.currency ?? own;
  const columns = useMemo<readonly Column<Loss>[]>(
    () => [
      { id: 'title', head: t`Title`, cell: (row) => <Work title={row.title} author="" /> },
      { id: 'barcode', head: t`Barcode`, cell: (row) => <span className="mono">{row.itemBarcode}</span> },
      { id: 'due', head: t`Due`, cell: (row) => day(row.dueAt) },
      { id: 'price', head: t`Price`, isNumber: true, cell: (row) => (row.price === null ? '–' : money(row.price, currency)) },
      { id: 'owed', head: t`Owed on it`, isNumber: true, cell: (row) => money(row.openCharges, currency) },
    ],
    // The words change with the language.
    [t, i18n.locale, currency],
  );
  return (
    <>
      <p>
        <Trans>
          The items are set to lost and the loans closed. Their prices, and what these loans owe, are written off. It cannot
          be taken back; an item that turns up later is simply returned.
        </Trans>
      </p>
      <Table label={t`Loans`} columns={columns} rows={preview.loans} idOf={idOf} />
      <p className="number"><Trans>Written off in all: <b>{money(preview.writtenOff, currency)}</b></Trans></p>
    </>
  );
}

function idOf(row: Loss): string {
  return row.loanId;
}
