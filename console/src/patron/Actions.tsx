// What is done with the account as a whole.
import { Trans } from '@lingui/react/macro';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { PatronBlocksFragment, PatronHeadFragment } from '../graphql/generated/index.ts';
import { Can } from '../session/session.tsx';
import { Button } from '../ui/Button.tsx';
import { ProblemNotice } from '../ui/ProblemNotice.tsx';
import { BlockDialog, UnblockDialog } from './BlockDialogs.tsx';
import { blocksOf } from './Blocks.tsx';
import { DeleteDialog } from './DeleteDialog.tsx';
import { DownloadDialog } from './DownloadDialog.tsx';
import { useStatus } from './useStatus.ts';

type Open = 'block' | 'unblock' | 'download' | 'delete';

export function Actions({ head, blocks }: { head: PatronHeadFragment; blocks: PatronBlocksFragment }) {
  const [open, setOpen] = useState<Open>();
  const close = () => setOpen(undefined);
  const status = useStatus(head);
  const inForce = blocksOf(blocks).filter((one) => one.active);
  return (
    <>
      <div className="bar actions no-print">
        <Can permission="PATRONS_BLOCK">
          {inForce.length > 0
            ? <Button onPress={() => setOpen('unblock')}><Trans>Unblock patron</Trans></Button>
            : <Button onPress={() => setOpen('block')}><Trans>Block patron</Trans></Button>}
        </Can>
        <Can permission="PATRONS_DEACTIVATE">
          {head.status === 'ACTIVE' && (
            <Button onPress={() => void status.deactivate()} isPending={status.running}><Trans>Deactivate</Trans></Button>
          )}
          {head.status === 'INACTIVE' && (
            <Button onPress={() => void status.reactivate()} isPending={status.running}><Trans>Activate</Trans></Button>
          )}
        </Can>
        <Can permission="PATRONS_CREATE">
          <Can permission="GROUPS_MANAGE">
            <Link to="/patrons/new" search={{ cloneFrom: head.id }} className="button plain"><Trans>Register a relative</Trans></Link>
          </Can>
        </Can>
        <Can permission="PATRONS_DOWNLOAD_DATA">
          <Button onPress={() => setOpen('download')}><Trans>Download patron data</Trans></Button>
        </Can>
        <Can permission="PATRONS_DELETE">
          {head.status === 'PENDING_PURGE' && (
            <Button onPress={() => void status.restore()} isPending={status.running}><Trans>Restore</Trans></Button>
          )}
          <Button onPress={() => setOpen('delete')}><Trans>Delete patron</Trans></Button>
        </Can>
      </div>
      <ProblemNotice problem={status.last.problem} error={status.last.error} />
      {open === 'block' && <BlockDialog patronId={head.id} onClose={close} />}
      {open === 'unblock' && <UnblockDialog blocks={inForce} onClose={close} />}
      {open === 'download' && <DownloadDialog patronId={head.id} name={head.displayName} onClose={close} />}
      {open === 'delete' && <DeleteDialog patronId={head.id} name={head.displayName} restore={() => void status.restore()} onClose={close} />}
    </>
  );
}
