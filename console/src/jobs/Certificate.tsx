import { Trans, useLingui } from '@lingui/react/macro';
import { useEffect } from 'react';
import { useQuery } from 'urql';
import { JobCertificateDocument } from '../graphql/generated/index.ts';
import { Chip } from '../ui/Chip.tsx';
import { moment, number } from '../words/format.ts';

/** The proof of what a purge has erased, in numbers, with the page to print. */
export function Certificate({ jobId, isFinished }: { jobId: string; isFinished: boolean }) {
  const { i18n } = useLingui();
  const [{ data }, again] = useQuery({ query: JobCertificateDocument, variables: { id: jobId }, pause: !isFinished });
  useEffect(() => {
    if (isFinished) again({ requestPolicy: 'network-only' });
  }, [isFinished, again]);
  const proof = data?.job?.certificate;
  if (!isFinished || !proof) return null;
  const rows = proof.rows.reduce((sum, one) => sum + one.rows, 0);
  return (
    <section className="card" aria-labelledby="certificate">
      <header>
        <h2 id="certificate"><Trans>Certificate of erasure</Trans></h2>
        <span className="page-actions no-print">
          <a className="button plain" href={`/jobs/${jobId}/certificate?lang=${i18n.locale}`} target="_blank" rel="noreferrer">
            <Trans>Show and print</Trans>
          </a>
          <a className="button plain" href={`/jobs/${jobId}/certificate.json`} download><Trans>Save as JSON</Trans></a>
        </span>
      </header>
      <dl className="facts">
        <dt><Trans>Patrons erased</Trans></dt>
        <dd>{number(proof.patronCount)}</dd>
        <dt><Trans>Rows erased</Trans></dt>
        <dd>{number(rows)}</dd>
        <dt><Trans>Loans kept as anonymous statistics</Trans></dt>
        <dd>{number(proof.statistics)}</dd>
        <dt><Trans>Erased</Trans></dt>
        <dd>{moment(proof.firstErasedAt)} – {moment(proof.lastErasedAt)}</dd>
        <dt><Trans>Stored copies</Trans></dt>
        <dd>
          {proof.state === 'AT_REST_ERASED'
            ? <><Chip tone="good"><Trans>Erased there too</Trans></Chip> {moment(proof.atRestAt)}</>
            : <Chip tone="warn"><Trans>Still in stored copies</Trans></Chip>}
        </dd>
      </dl>
    </section>
  );
}
