import { Trans, useLingui } from '@lingui/react/macro';
import { useCallback, useMemo, useState, type ReactNode } from 'react';
import { useAction } from '../graphql/action.ts';
import {
  RolloverJobFragmentDoc, RolloverRowFragmentDoc, UndoRolloverDocument, unmask, type FragmentType, type RolloverRowFragment,
  type UndoRolloverMutation,
} from '../graphql/generated/index.ts';
import { JobLink } from '../jobs/JobLink.tsx';
import { Button } from '../ui/Button.tsx';
import { Chip } from '../ui/Chip.tsx';
import { ProblemNotice } from '../ui/ProblemNotice.tsx';
import { Table, type Column } from '../ui/Table.tsx';
import { moment, number } from '../words/format.ts';
import { ConfirmCount } from './ConfirmCount.tsx';
import { isFinal, RolloverJob, type JobRef } from './RolloverJob.tsx';
import { undoObstacleWords } from './words.ts';

type Preview = Extract<UndoRolloverMutation['undoRollover'], { __typename: 'UndoRolloverPreview' }>;

/** The years that were rolled over; each can be taken back until the next purge. */
export function Years({ rollovers, onChange }: {
  rollovers: readonly FragmentType<typeof RolloverRowFragmentDoc>[];
  onChange(): void;
}) {
  const { t } = useLingui();
  const rows = useMemo(() => rollovers.map((one) => unmask(RolloverRowFragmentDoc, one)), [rollovers]);
  const look = useAction(UndoRolloverDocument);
  const undo = useAction(UndoRolloverDocument);
  const [asked, setAsked] = useState<{ jobId: string; preview: Preview }>();
  const [job, setJob] = useState<{ year: number; job: JobRef }>();
  const { run: lookAt } = look;
  const { forget } = undo;

  const ask = useCallback(
    async (row: RolloverRowFragment) => {
      forget();
      const jobId = row.job.id;
      const preview = await lookAt({ jobId, dryRun: true });
      if (preview?.__typename === 'UndoRolloverPreview') setAsked({ jobId, preview });
    },
    [lookAt, forget],
  );
  const columns = useYearColumns(ask);

  async function go(jobId: string, year: number) {
    const done = await undo.run({ jobId, dryRun: false });
    if (done?.__typename !== 'UndoRolloverSuccess') return;
    setAsked(undefined);
    setJob({ year, job: done.job });
    onChange();
  }

  // What somebody else started, or this page before it was loaded again.
  const underWay = rows.filter((row) => row.undoJob && !isFinal(row.undoJob) && !job);
  return (
    <section className="stack" aria-labelledby="years">
      <h2 id="years"><Trans>Years that were rolled over</Trans></h2>
      <ProblemNotice problem={look.problem} error={look.error} />
      {job && <RolloverJob job={job.job} label={t`Taking ${job.year} back`} onEnd={onChange} />}
      {underWay.map((row) => row.undoJob && <RolloverJob key={row.id} job={row.undoJob} label={t`Taking ${row.year} back`} onEnd={onChange} />)}
      <Table label={t`Years that were rolled over`} columns={columns} rows={rows} idOf={rowId} />
      {asked && (
        <ConfirmCount title={t`Take ${asked.preview.year} back?`} count={asked.preview.moving} go={t`Take back`}
                      running={undo.running} problem={undo.problem} error={undo.error}
                      onGo={() => void go(asked.jobId, asked.preview.year)} onClose={() => setAsked(undefined)}>
          <p>
            <Trans>
              {number(asked.preview.moving)} patrons go back to the cohort that they came from, {number(asked.preview.reactivating)} are
              active again. {number(asked.preview.leftAlone)} were changed by somebody since and are left as they are.
            </Trans>
          </p>
        </ConfirmCount>
      )}
    </section>
  );
}

function rowId(row: RolloverRowFragment): string {
  return row.id;
}

/** Leads to the job that took the year back. */
function UndoLink({ row, children }: { row: RolloverRowFragment; children: ReactNode }) {
  const job = unmask(RolloverJobFragmentDoc, row.undoJob);
  return job ? <JobLink id={job.id}>{children}</JobLink> : children;
}

function useYearColumns(ask: (row: RolloverRowFragment) => void): readonly Column<RolloverRowFragment>[] {
  const { t, i18n } = useLingui();
  return useMemo(
    () => [
      { id: 'year', head: t`Year`, cell: (row) => <JobLink id={row.job.id}>{row.year}</JobLink> },
      { id: 'at', head: t`Started`, cell: (row) => moment(row.startedAt) },
      { id: 'moved', head: t`Moved`, isNumber: true, cell: (row) => number(row.moved) },
      { id: 'off', head: t`Deactivated`, isNumber: true, cell: (row) => number(row.deactivated) },
      {
        id: 'state',
        head: t`State`,
        cell: (row) => (row.undone ? <Chip><UndoLink row={row}><Trans>Taken back {moment(row.undoneAt)}</Trans></UndoLink></Chip>
          : row.undoable ? <Chip tone="good"><Trans>Can be taken back</Trans></Chip>
          : <span className="soft">{row.undoObstacle && i18n._(undoObstacleWords[row.undoObstacle])}</span>),
      },
      {
        id: 'do',
        isAction: true,
        head: t`Change`,
        isNumber: true,
        cell: (row) => row.undoable && (
          <Button kind="quiet" small aria-label={t`Take ${row.year} back…`} onPress={() => ask(row)}><Trans>Take back…</Trans></Button>
        ),
      },
    ],
    [t, i18n, i18n.locale, ask],
  );
}
