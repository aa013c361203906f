// Delete: what stands in the way, as links; else what goes and what stays, and Delete once more.
import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useNavigate } from '@tanstack/react-router';
import { useCallback, useEffect, useState } from 'react';
import { useAction } from '../graphql/action.ts';
import { DeletePatronDocument, type DeletePatronMutation } from '../graphql/generated/index.ts';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { ProblemNotice } from '../ui/ProblemNotice.tsx';
import { Skeleton } from '../ui/Skeleton.tsx';
import { toast } from '../ui/toast.tsx';
import { day, number } from '../words/format.ts';
import { Obstacles } from './Obstacles.tsx';
import { tableWords } from './words.ts';

type Preview = Extract<DeletePatronMutation['deletePatron'], { __typename: 'DeletePatronPreview' }>;

export function DeleteDialog({ patronId, name, restore, onClose }: {
  patronId: string;
  name: string;
  /** Undoes a deletion that has days of grace. */
  restore(): void;
  onClose(): void;
}) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const { run, running, problem, error, refusal } = useAction(DeletePatronDocument);
  const [preview, setPreview] = useState<Preview>();

  const look = useCallback(async () => {
    setPreview(undefined);
    const answer = await run({ patronId });
    if (answer?.__typename === 'DeletePatronPreview') setPreview(answer);
  }, [run, patronId]);
  useEffect(() => void look(), [look]);

  async function confirm(confirmationToken: string) {
    const done = await run({ patronId, confirmationToken });
    if (done?.__typename !== 'DeletePatronSuccess') return;
    onClose();
    if (done.erased) {
      toast(t`${name} is deleted.`);
      await navigate({ to: '/patrons', ignoreBlocker: true });
    } else {
      toast(t`${name} is deleted on ${day(done.eraseAfter)}; until then the account can be restored.`, restore);
    }
  }

  return (
    <Dialog title={t`Delete ${name}`} isOpen onClose={onClose}>
      {!preview && !problem && !error && <Skeleton rows={3} />}
      {refusal?.__typename === 'Obstacles'
        ? <Obstacles patronId={patronId} obstacles={refusal.obstacles} onFollow={onClose} />
        : <ProblemNotice problem={problem} error={error} />}
      {preview && !problem && !error && <WhatGoes preview={preview} />}
      <footer>
        <Button onPress={onClose}><Trans>Close</Trans></Button>
        {(problem || error) && <Button onPress={() => void look()} isPending={running}><Trans>Look again</Trans></Button>}
        {preview && !problem && !error && (
          <Button kind="danger" onPress={() => void confirm(preview.confirmationToken)} isPending={running}>
            <Trans>Delete patron</Trans>
          </Button>
        )}
      </footer>
    </Dialog>
  );
}

function WhatGoes({ preview }: { preview: Preview }) {
  const { i18n } = useLingui();
  const rows = preview.rows.filter((one) => one.rows > 0);
  return (
    <>
      <p>
        {preview.eraseAfter
          ? <Trans>This will be erased on {day(preview.eraseAfter)}. Until then the account can be restored.</Trans>
          : <Trans>This is erased at once and cannot be undone:</Trans>}
      </p>
      <dl className="facts">
        {rows.map((one) => {
          const words = tableWords[one.table];
          return <div key={one.table}><dt>{words ? i18n._(words) : one.table}</dt><dd>{number(one.rows)}</dd></div>;
        })}
      </dl>
      {preview.statistics > 0 && (
        <p className="soft">
          <Plural value={preview.statistics} one="# finished loan remains as a statistic that names nobody."
                  other="# finished loans remain as statistics that name nobody." />
        </p>
      )}
      {preview.otherAccounts > 0 && (
        <p className="soft"><Trans>Accounts at other libraries stay: {number(preview.otherAccounts)}.</Trans></p>
      )}
    </>
  );
}
