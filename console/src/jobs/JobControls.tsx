import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useState } from 'react';
import { useAction } from '../graphql/action.ts';
import {
  CancelJobDocument, PauseJobDocument, ResumeJobDocument, RetryFailedItemsDocument, type JobDetailFragment,
} from '../graphql/generated/index.ts';
import { useMay } from '../session/session.tsx';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { ProblemNotice } from '../ui/ProblemNotice.tsx';
import { toast } from '../ui/toast.tsx';
import { isUnderWay } from './search.ts';
import { jobPermissions } from './words.ts';

/** Pause, go on, end early, try again: for whoever may start such a job. */
export function JobControls({ job }: { job: JobDetailFragment }) {
  const { t } = useLingui();
  const mayStop = useMay(jobPermissions[job.kind]);
  const pause = useAction(PauseJobDocument, { idempotent: false });
  const resume = useAction(ResumeJobDocument, { idempotent: false });
  const retry = useAction(RetryFailedItemsDocument);
  const [isEnding, setIsEnding] = useState(false);
  if (!mayStop) return null;
  const underWay = isUnderWay(job.state);
  const unreached = job.state === 'FAILED' ? job.cancelled : 0;
  const mayRetry = job.kind === 'PURGE' && !underWay && job.state !== 'CANCELLED' && job.failed + unreached > 0;

  async function again() {
    const done = await retry.run({ jobId: job.id });
    if (done) toast(t`Tried again: ${done.count}`);
  }

  return (
    <div className="page-actions no-print">
      {underWay && job.state !== 'PAUSED' && (
        <Button isPending={pause.running} onPress={() => void pause.run({ id: job.id })}><Trans>Pause</Trans></Button>
      )}
      {job.state === 'PAUSED' && (
        <Button kind="primary" isPending={resume.running} onPress={() => void resume.run({ id: job.id })}><Trans>Go on</Trans></Button>
      )}
      {underWay && <Button onPress={() => setIsEnding(true)}><Trans>End early…</Trans></Button>}
      {mayRetry && (
        <Button kind="primary" isPending={retry.running} onPress={() => void again()}><Trans>Try again what was not possible</Trans></Button>
      )}
      {[pause, resume, retry].map((one, at) => <ProblemNotice key={at} problem={one.problem} error={one.error} />)}
      <EndEarly job={job} isOpen={isEnding && underWay} onClose={() => setIsEnding(false)} />
    </div>
  );
}

function EndEarly({ job, isOpen, onClose }: { job: JobDetailFragment; isOpen: boolean; onClose(): void }) {
  const { t } = useLingui();
  const cancel = useAction(CancelJobDocument, { idempotent: false });
  const left = job.total - job.done - job.skipped - job.failed - job.cancelled;
  return (
    <Dialog title={t`End this job early?`} isOpen={isOpen} onClose={onClose}>
      <p><Trans>What is done stays done.</Trans> <Plural value={left} one="# that it has not come to stays as it is." other="# that it has not come to stay as they are." /></p>
      <ProblemNotice problem={cancel.problem} error={cancel.error} />
      <footer>
        <Button onPress={onClose} autoFocus><Trans>Let it go on</Trans></Button>
        <Button kind="primary" isPending={cancel.running}
                onPress={() => void cancel.run({ id: job.id }).then((done) => done && onClose())}><Trans>End early</Trans></Button>
      </footer>
    </Dialog>
  );
}
