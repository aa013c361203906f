import { Trans, useLingui } from '@lingui/react/macro';
import { useState } from 'react';
import type { PatronBlocksFragment } from '../graphql/generated/index.ts';
import { Can } from '../session/session.tsx';
import { Button } from '../ui/Button.tsx';
import { Chip } from '../ui/Chip.tsx';
import { moment } from '../words/format.ts';
import { BlockDialog, UnblockDialog } from './BlockDialogs.tsx';

export type StaffBlock = PatronBlocksFragment['blocks']['edges'][number]['node'];

export function blocksOf(patron: PatronBlocksFragment): StaffBlock[] {
  return patron.blocks.edges.map((edge) => edge.node);
}

/** What staff placed, newest first, ended ones as history. Nothing is shown of an account that was never blocked. */
export function Blocks({ patron }: { patron: PatronBlocksFragment }) {
  const { t } = useLingui();
  const blocks = blocksOf(patron);
  const [dialog, setDialog] = useState<'add' | StaffBlock>();
  if (blocks.length === 0) return null;
  const close = () => setDialog(undefined);
  return (
    <section className="card" aria-labelledby="card-blocks">
      <header>
        <h2 id="card-blocks"><Trans>Blocks</Trans></h2>
        {blocks.some((one) => one.active) && (
          <Can permission="PATRONS_BLOCK">
            <Button kind="quiet" small onPress={() => setDialog('add')}><Trans>Add another</Trans></Button>
          </Can>
        )}
      </header>
      <ul className="history">
        {blocks.map((block) => (
          <li key={block.id}>
            <div className="history-head">
              {block.active ? <Chip tone="danger"><Trans>In force</Trans></Chip>
                : block.liftedAt ? <Chip><Trans>Lifted</Trans></Chip> : <Chip><Trans>Ended</Trans></Chip>}
              <span className="soft">
                {block.placedBy ? t`${moment(block.placedAt)} by ${block.placedBy.displayName}` : moment(block.placedAt)}
              </span>
              {block.active && (
                <Can permission="PATRONS_BLOCK">
                  <Button kind="quiet" small aria-label={t`Lift: ${block.comment}`} onPress={() => setDialog(block)}>
                    <Trans>Lift</Trans>
                  </Button>
                </Can>
              )}
            </div>
            <p>{block.comment}</p>
            {block.message && <p className="soft"><Trans>The patron is told: {block.message}</Trans></p>}
            {block.active && block.expiresAt && <p className="soft"><Trans>Ends by itself: {moment(block.expiresAt)}</Trans></p>}
            {block.liftedAt && (
              <p className="soft">
                {block.liftedBy ? t`Lifted ${moment(block.liftedAt)} by ${block.liftedBy.displayName}`
                                : t`Lifted ${moment(block.liftedAt)}`}
                {block.liftReason && <>: {block.liftReason}</>}
              </p>
            )}
          </li>
        ))}
      </ul>
      {dialog === 'add' && <BlockDialog patronId={patron.id} onClose={close} />}
      {typeof dialog === 'object' && <UnblockDialog blocks={[dialog]} onClose={close} />}
    </section>
  );
}
