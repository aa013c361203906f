import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useRef, useState, type FormEvent } from 'react';
import { useAction } from '../graphql/action.ts';
import { ImportPatronsDocument, type ImportField, type ImportFormat, type ImportPatronsInput } from '../graphql/generated/index.ts';
import { isUnderWay } from '../jobs/search.ts';
import { Button } from '../ui/Button.tsx';
import { Choice } from '../ui/Choice.tsx';
import { Failure } from '../ui/Failure.tsx';
import { Page } from '../ui/Page.tsx';
import { Skeleton } from '../ui/Skeleton.tsx';
import { useUnsavedGuard } from '../ui/unsaved.ts';
import { number } from '../words/format.ts';
import { DropFile } from './DropFile.tsx';
import { FileNotice } from './FileNotice.tsx';
import { ImportReport } from './ImportReport.tsx';
import './imports.css';
import { useImport } from './live.ts';
import { Mapping } from './Mapping.tsx';
import { Missing, NOT_ASKED, type MissingChoice } from './Missing.tsx';
import { columnsOf } from './search.ts';
import { FORMATS, formatWords } from './words.ts';

type Order = Omit<ImportPatronsInput, 'idempotencyKey' | 'dryRun'>;
const HEAD = 64 * 1024; // bytes in which the first line is looked for

/** First the file and how it is written, then the preview, then the import. */
export default function ImportNew() {
  const { t, i18n } = useLingui();
  const [file, setFile] = useState<File>();
  const [format, setFormat] = useState<ImportFormat>('STATUS');
  const [names, setNames] = useState<readonly string[]>([]);
  const [fields, setFields] = useState<Record<string, ImportField>>({});
  const [missing, setMissing] = useState<MissingChoice>(NOT_ASKED);
  const [isEmpty, setIsEmpty] = useState(false);
  const preview = useAction(ImportPatronsDocument);
  const [previewed, setPreviewed] = useState<{ id: string; order: Order }>();
  const forget = preview.forget;

  // Another file or another way to read it is another import: the preview is no longer about it.
  useEffect(() => {
    setPreviewed(undefined);
    forget();
  }, [file, format, fields, missing, forget]);

  async function choose(chosen: File) {
    setFile(chosen);
    setIsEmpty(false);
    setFields({});
    setNames(/\.json$/i.test(chosen.name) ? [] : columnsOf(await chosen.slice(0, HEAD).text()));
    if (/\.json$/i.test(chosen.name)) setFormat('FOLIO');
  }

  async function look(event: FormEvent) {
    event.preventDefault();
    setIsEmpty(!file);
    if (!file) return;
    const order: Order = {
      file,
      format,
      columns: format === 'FOLIO' ? [] : names.flatMap((column) => (fields[column] ? [{ column, field: fields[column] }] : [])),
      deactivateMissing: missing.isWanted
        ? { deactivate: true, category: missing.category || null, maximumShare: 0.2 }
        : null,
    };
    const started = await preview.run({ ...order, dryRun: true });
    if (started) setPreviewed({ id: started.job.id, order });
  }

  return (
    <Page title={t`Import patrons`}>
      <form className="steps" onSubmit={look}>
        <DropFile file={file} onFile={(chosen) => void choose(chosen)} wrong={isEmpty ? t`Choose a file first.` : undefined} />
        <Choice label={t`What the file is`} value={format} onChange={(chosen) => setFormat(chosen)}
                options={FORMATS.map((id) => ({ id, label: i18n._(formatWords[id]) }))} />
        {format !== 'FOLIO' && names.length > 0 && <Mapping names={names} fields={fields} onChange={setFields} />}
        <Missing choice={missing} onChange={setMissing} />
        <FileNotice problem={preview.problem} error={preview.error} />
        <div className="page-actions">
          <Button type="submit" kind={previewed ? 'plain' : 'primary'} isPending={preview.running}><Trans>Preview</Trans></Button>
        </div>
      </form>
      {previewed && <Previewed key={previewed.id} id={previewed.id} order={previewed.order} />}
    </Page>
  );
}

/** What the preview found, live, and the import itself. */
function Previewed({ id, order }: { id: string; order: Order }) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const { state, again, job, report } = useImport(id);
  const [after, setAfter] = useState<string>();
  const carryOut = useAction(ImportPatronsDocument);
  const [isMissingMeant, setIsMissingMeant] = useState(false);
  const [startedId, setStartedId] = useState<string>();
  const isStarted = useRef(false);
  const isFinished = job !== undefined && job !== null && !isUnderWay(job.state);
  const isReady = isFinished && job.state !== 'FAILED' && job.state !== 'CANCELLED';
  const isTooMany = report?.missingState === 'TOO_MANY';
  useUnsavedGuard(isReady && startedId === undefined);
  // After the guard has heard of it: an effect runs behind those above it.
  useEffect(() => {
    if (startedId !== undefined) void navigate({ to: '/imports/$id', params: { id: startedId } });
  }, [startedId, navigate]);

  async function go() {
    if (isStarted.current || !report) return;
    isStarted.current = true;
    const missing = order.deactivateMissing;
    const started = await carryOut.run({
      ...order,
      dryRun: false,
      deactivateMissing: missing && isTooMany && isMissingMeant ? { ...missing, confirmCount: report.missing } : missing,
    });
    isStarted.current = started !== undefined;
    if (started) setStartedId(started.job.id);
  }

  if (state.error && !job) return <Failure error={state.error} onRetry={() => again({ requestPolicy: 'network-only' })} />;
  if (!job || !report) return <Skeleton rows={4} />;
  const good = report.rows - report.rejected;
  return (
    <section className="answer" aria-label={t`Preview`}>
      <ImportReport job={job} report={report} after={after} onAfter={setAfter}>
        {isReady && (
          <div className="card answer">
            {isTooMany && (
              <label className="check">
                <input type="checkbox" checked={isMissingMeant} onChange={(event) => setIsMissingMeant(event.target.checked)} />
                <Trans>Yes, deactivate the {number(report.missing)} who are not in the file.</Trans>
              </label>
            )}
            <FileNotice problem={carryOut.problem} error={carryOut.error} />
            <div className="page-actions">
              {good > 0
                ? (
                  <Button kind="primary" isPending={carryOut.running} onPress={() => void go()}>
                    <Plural value={good} one="Import # row" other="Import # rows" />
                  </Button>
                )
                : <strong><Trans>No row can be imported.</Trans></strong>}
              {report.rejected > 0 && (
                <span className="soft"><Plural value={report.rejected} one="# rejected row is left out." other="# rejected rows are left out." /></span>
              )}
            </div>
          </div>
        )}
      </ImportReport>
    </section>
  );
}
