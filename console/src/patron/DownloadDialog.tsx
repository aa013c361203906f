// Download patron data: a job, followed live, and its file by a link that works once.
import { Trans, useLingui } from '@lingui/react/macro';
import { useCallback, useEffect, useRef, useState } from 'react';
import { useQuery, useSubscription } from 'urql';
import { fileSize } from '../exports/size.ts';
import { useFetchFile } from '../exports/useFetchFile.ts';
import { useAction } from '../graphql/action.ts';
import {
  ExportFileFragmentDoc, ExportPatronDataDocument, PatronExportFragmentDoc, PatronExportJobDocument,
  PatronExportNewsDocument, unmask, type ExportFormat, type PatronExportFragment,
} from '../graphql/generated/index.ts';
import { JobLink } from '../jobs/JobLink.tsx';
import { Button } from '../ui/Button.tsx';
import { Choice } from '../ui/Choice.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { ProblemNotice } from '../ui/ProblemNotice.tsx';
import { Progress } from '../ui/Progress.tsx';
import { moment } from '../words/format.ts';

type Format = Extract<ExportFormat, 'JSON' | 'HTML'>;

export function DownloadDialog({ patronId, name, onClose }: { patronId: string; name: string; onClose(): void }) {
  const { t, i18n } = useLingui();
  const start = useAction(ExportPatronDataDocument);
  const [format, setFormat] = useState<Format>('JSON');
  const [jobId, setJobId] = useState<string>();

  async function begin() {
    const language = i18n.locale === 'sv' ? 'SV' : 'EN';
    const started = await start.run({ patronId, format, language: format === 'HTML' ? language : null });
    if (started) setJobId(started.job.id);
  }

  return (
    <Dialog title={t`Download patron data`} isOpen onClose={onClose} firm={jobId !== undefined}>
      {jobId === undefined ? (
        <>
          <p className="soft">
            <Trans>All that your library has about {name}, without the PIN. Accounts at other libraries are not in it.</Trans>
          </p>
          <ProblemNotice problem={start.problem} error={start.error} />
          <Choice<Format> label={t`Format`} value={format} onChange={setFormat} options={[
            { id: 'JSON', label: t`JSON, for programs` },
            { id: 'HTML', label: t`A page to read (HTML)` },
          ]} />
          <footer>
            <Button onPress={onClose}><Trans>Cancel</Trans></Button>
            <Button kind="primary" onPress={() => void begin()} isPending={start.running}><Trans>Download</Trans></Button>
          </footer>
        </>
      ) : <Following jobId={jobId} onClose={onClose} />}
    </Dialog>
  );
}

function Following({ jobId, onClose }: { jobId: string; onClose(): void }) {
  const { t } = useLingui();
  // The query is asked again when the socket returns, the subscription brings what happens between.
  const [{ data }] = useQuery({ query: PatronExportJobDocument, variables: { id: jobId } });
  useSubscription({ query: PatronExportNewsDocument, variables: { id: jobId } });
  const job = unmask(PatronExportFragmentDoc, data?.job);
  const file = unmask(ExportFileFragmentDoc, job?.export);
  const settled = job ? job.done + job.skipped + job.failed + job.cancelled : 0;
  const isOver = job !== undefined && job !== null && !['QUEUED', 'RUNNING', 'PAUSED'].includes(job.state);
  return (
    <>
      <Progress label={t`Collecting the data`} total={job?.total ?? 1} settled={settled} failed={job?.failed ?? 0} isFinished={isOver} />
      {!isOver && (
        <p className="soft"><Trans>You may close this: the file will be at <JobLink id={jobId}>its job</JobLink>, too.</Trans></p>
      )}
      {file?.state === 'READY' && job?.export && <File file={job.export} onClose={onClose} />}
      {isOver && file?.state !== 'READY' && (
        <div className="notice danger" role="alert">
          <strong>
            {job.state === 'CANCELLED' ? <Trans>The download was cancelled.</Trans> : <Trans>The data could not be collected.</Trans>}
          </strong>
          {job.error && <p lang="en">{job.error}</p>}
        </div>
      )}
      {file?.state !== 'READY' && <footer><Button onPress={onClose}><Trans>Close</Trans></Button></footer>}
    </>
  );
}

/** Fetches the file as soon as it is there; again when asked, each time by a new link. */
function File({ file: given, onClose }: { file: NonNullable<PatronExportFragment['export']>; onClose(): void }) {
  const file = unmask(ExportFileFragmentDoc, given);
  const { fetchFile, running, problem, error } = useFetchFile();
  const fetched = useRef<string>(undefined);
  const [isSaved, setIsSaved] = useState(false);
  const save = useCallback(async () => {
    if (await fetchFile(file.id)) setIsSaved(true);
  }, [fetchFile, file.id]);
  useEffect(() => {
    if (fetched.current === file.id) return;
    fetched.current = file.id;
    void save();
  }, [file.id, save]);
  return (
    <>
      <ProblemNotice problem={problem} error={error} />
      {isSaved && (
        <p role="status">
          <Trans>The file ({fileSize(file.size ?? 0)}) is among your downloads.</Trans>{' '}
          {file.expiresAt && <span className="soft"><Trans>The library keeps it until {moment(file.expiresAt)}.</Trans></span>}
        </p>
      )}
      <footer>
        <Button onPress={() => void save()} isPending={running}><Trans>Save once more</Trans></Button>
        <Button kind="primary" onPress={onClose}><Trans>Close</Trans></Button>
      </footer>
    </>
  );
}
