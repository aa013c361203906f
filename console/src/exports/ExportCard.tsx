// The file that an export's job has made, where somebody who may have it fetches it; once it is gone, that it is.
import { Trans, useLingui } from '@lingui/react/macro';
import { ExportFileFragmentDoc, unmask, type FragmentType, type JobState } from '../graphql/generated/index.ts';
import { Can } from '../session/session.tsx';
import { Button } from '../ui/Button.tsx';
import { ProblemNotice } from '../ui/ProblemNotice.tsx';
import { toast } from '../ui/toast.tsx';
import { moment } from '../words/format.ts';
import { fileSize } from './size.ts';
import { useFetchFile } from './useFetchFile.ts';

export function ExportCard({ file: given, jobState, onRefused }: {
  file: FragmentType<typeof ExportFileFragmentDoc> | null;
  jobState: JobState;
  /** The file may have ended meanwhile: ask again. */
  onRefused(): void;
}) {
  const { t } = useLingui();
  const { fetchFile, running, problem, error } = useFetchFile();
  const file = unmask(ExportFileFragmentDoc, given);
  if (!file) {
    // A purge takes the file along; before that every export has one.
    if (jobState !== 'SUCCEEDED' && jobState !== 'COMPLETED_WITH_ISSUES') return null;
    return <p className="notice"><Trans>The file is gone: the patron was erased.</Trans></p>;
  }
  const isOver = file.state === 'EXPIRED' || (file.state === 'READY' && file.expiresAt !== null && Date.parse(file.expiresAt) <= Date.now());
  if (isOver) {
    return (
      <div className="notice" role="status">
        <strong><Trans>The file has expired.</Trans></strong>
        <p>
          {file.expiresAt && <Trans>It was kept until {moment(file.expiresAt)}.</Trans>}{' '}
          <Trans>Export again to have a new one.</Trans>
        </p>
      </div>
    );
  }
  if (file.state !== 'READY') return null;
  async function save(id: string) {
    if (await fetchFile(id)) toast(t`The file is among your downloads.`);
    else onRefused();
  }
  return (
    <section className="card" aria-labelledby="export-file">
      <header>
        <h2 id="export-file"><Trans>The file</Trans></h2>
        <Can permission="PATRONS_DOWNLOAD_DATA" otherwise={<span className="soft"><Trans>You may not download patron data.</Trans></span>}>
          <Button kind="primary" onPress={() => void save(file.id)} isPending={running}><Trans>Download</Trans></Button>
        </Can>
      </header>
      <ProblemNotice problem={problem} error={error} />
      <dl className="facts">
        <dt><Trans>Format</Trans></dt>
        <dd>{file.format}</dd>
        <dt><Trans>Size</Trans></dt>
        <dd>{fileSize(file.size ?? 0)}</dd>
        {file.expiresAt && <><dt><Trans>Kept until</Trans></dt><dd>{moment(file.expiresAt)}</dd></>}
      </dl>
    </section>
  );
}
