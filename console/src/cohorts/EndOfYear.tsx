import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useMemo, useState } from 'react';
import { useAction } from '../graphql/action.ts';
import { RollOverCohortsDocument, type RollOverCohortsMutation } from '../graphql/generated/index.ts';
import { JobLink } from '../jobs/JobLink.tsx';
import { Button } from '../ui/Button.tsx';
import { Choice } from '../ui/Choice.tsx';
import { ProblemNotice } from '../ui/ProblemNotice.tsx';
import { Table, type Column } from '../ui/Table.tsx';
import { number } from '../words/format.ts';
import { ConfirmCount, Patrons } from './ConfirmCount.tsx';
import { RolloverJob, type JobRef } from './RolloverJob.tsx';

type Preview = Extract<RollOverCohortsMutation['rollOverCohorts'], { __typename: 'RolloverPreview' }>;
type Line = Preview['cohorts'][number];

/** Rolls a year over: first what would happen, then the number typed, then the job as it goes on. */
export function EndOfYear({ onEnd }: { onEnd(): void }) {
  const { t } = useLingui();
  const thisYear = new Date().getFullYear();
  const [year, setYear] = useState(String(thisYear));
  const [preview, setPreview] = useState<Preview>();
  const [job, setJob] = useState<{ year: number; job: JobRef }>();
  const [isAsked, setIsAsked] = useState(false);
  const look = useAction(RollOverCohortsDocument);
  const start = useAction(RollOverCohortsDocument);

  async function show() {
    setJob(undefined);
    const found = await look.run({ year: Number(year), dryRun: true });
    setPreview(found?.__typename === 'RolloverPreview' ? found : undefined);
  }

  async function go(shown: Preview) {
    const { year: of, count: confirmCount, confirmationToken } = shown;
    const done = await start.run({ year: of, dryRun: false, confirmCount, confirmationToken });
    if (done?.__typename !== 'RollOverCohortsSuccess') return;
    setIsAsked(false);
    setPreview(undefined);
    setJob({ year: of, job: done.job });
    onEnd(); // the year is in the list of years from now on
  }

  return (
    <section className="card stack no-print" aria-labelledby="end-of-year">
      <h2 id="end-of-year"><Trans>End of the school year</Trans></h2>
      <p className="soft">
        <Trans>Everybody moves to the cohort after their own, and whoever comes into the graduated one is deactivated. It can be taken back until the next purge.</Trans>
      </p>
      <div className="bar">
        <Choice label={t`Year that ends`} value={year}
                onChange={(chosen) => { setYear(chosen); setPreview(undefined); look.forget(); }}
                options={[thisYear - 1, thisYear, thisYear + 1].map((one) => ({ id: String(one), label: String(one) }))} />
        <Button onPress={show} isPending={look.running}><Trans>Show what would happen</Trans></Button>
      </div>
      <ProblemNotice problem={look.problem} error={look.error} />
      {job && <RolloverJob job={job.job} label={t`End of the school year ${job.year}`} onEnd={onEnd} />}
      {preview && (
        <>
          {preview.continues && <p className="notice"><Trans><JobLink id={preview.continues.id}>A job for this year</JobLink> ended before all was done. This is about the rest.</Trans></p>}
          <PreviewTable lines={preview.cohorts} />
          <div className="bar end">
            <p>
              <Plural value={preview.moving} one="# patron moves" other="# patrons move" />
              {' · '}
              <Plural value={preview.deactivating} one="# is deactivated" other="# are deactivated" />
              {' · '}
              <Plural value={preview.staying} one="# stays as it is" other="# stay as they are" />
            </p>
            {preview.count > 0 && (
              <Button kind="primary" onPress={() => { start.forget(); setIsAsked(true); }}><Trans>Roll {preview.year} over…</Trans></Button>
            )}
          </div>
        </>
      )}
      {preview && isAsked && (
        <ConfirmCount title={t`Roll ${preview.year} over?`} count={preview.count} go={t`Roll over`} running={start.running}
                      problem={start.problem} error={start.error} onGo={() => void go(preview)} onClose={() => setIsAsked(false)}>
          <p>
            <Trans>
              <Patrons count={preview.count} /> change: {number(preview.moving)} move to their next cohort,{' '}
              {number(preview.deactivating)} are deactivated. Nothing is erased.
            </Trans>
          </p>
        </ConfirmCount>
      )}
    </section>
  );
}

function PreviewTable({ lines }: { lines: readonly Line[] }) {
  const { t, i18n } = useLingui();
  const columns = useMemo<readonly Column<Line>[]>(
    () => [
      { id: 'from', head: t`Cohort`, cell: (line) => <strong>{line.code}</strong> },
      { id: 'to', head: t`Goes to`, cell: (line) => (line.toCode ? `→ ${line.toCode}` : <span className="soft">{t`Stay`}</span>) },
      { id: 'members', head: t`Patrons`, isNumber: true, cell: (line) => number(line.members) },
      { id: 'moving', head: t`Move`, isNumber: true, cell: (line) => number(line.moving) },
      { id: 'off', head: t`Deactivated`, isNumber: true, cell: (line) => number(line.deactivating) },
      { id: 'staying', head: t`Unchanged`, isNumber: true, cell: (line) => number(line.staying) },
    ],
    [t, i18n.locale],
  );
  return <Table label={t`What would happen`} columns={columns} rows={lines} idOf={lineId} />;
}

function lineId(line: Line): string {
  return line.cohortId;
}
