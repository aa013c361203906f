import { Trans, useLingui } from '@lingui/react/macro';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo, useState, type FormEvent } from 'react';
import { useClient, useQuery } from 'urql';
import { AuditRowFragmentDoc, AuditTrailDocument, unmask, type AuditRowFragment } from '../graphql/generated/index.ts';
import { JobLink } from '../jobs/JobLink.tsx';
import { useMay } from '../session/session.tsx';
import { Answer } from '../ui/Answer.tsx';
import { Button } from '../ui/Button.tsx';
import { Choice } from '../ui/Choice.tsx';
import { CsvButton } from '../ui/CsvButton.tsx';
import { DateField } from '../ui/DateField.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';
import { Field } from '../ui/Field.tsx';
import { Page } from '../ui/Page.tsx';
import { Pager } from '../ui/Pager.tsx';
import { Table, type Column } from '../ui/Table.tsx';
import { toast } from '../ui/toast.tsx';
import { moment, number } from '../words/format.ts';
import './audit.css';
import { ChainCard } from './ChainCard.tsx';
import { auditFilter, KINDS, told, type AuditSearch } from './search.ts';
import { actorWords } from './words.ts';

const PAGE = 100;
/** Pages of a CSV; what is beyond, `patrongraph audit` writes. */
const MOST_PAGES = 50;

export default function Audit() {
  const { t } = useLingui();
  const search = useSearch({ from: '/shell/audit' });
  const navigate = useNavigate({ from: '/audit' });
  const go = (change: AuditSearch) => void navigate({ search: { ...search, after: undefined, ...change } });
  const filter = useMemo(() => auditFilter(search), [search]);
  const [state, again] = useQuery({
    query: AuditTrailDocument, variables: { first: PAGE, after: search.after ?? null, filter },
  });
  const columns = useAuditColumns();
  const rowsOfAll = useWholeTrail(filter);
  return (
    <Page title={t`Audit trail`} actions={<CsvButton name="audit" rows={rowsOfAll} />}>
      <ChainCard />
      <Restrictions key={JSON.stringify(filter)} search={search} go={go} />
      <Answer state={state} retry={again}>
        {({ auditEvents: { edges, pageInfo } }) => {
          const rows = edges.map(({ node }) => unmask(AuditRowFragmentDoc, node));
          if (rows.length === 0) {
            return (
              <EmptyState title={t`Nothing of that kind was done.`}>
                <Trans>Actions and ids are looked up whole, such as patron.block and pat_12.</Trans>
              </EmptyState>
            );
          }
          return (
            <>
              <Table label={t`Audit trail`} columns={columns} rows={rows} idOf={rowId} />
              <Pager hasNext={pageInfo.hasNextPage} isFirst={!pageInfo.hasPreviousPage} onFirst={() => go({})}
                     onNext={() => go({ after: pageInfo.endCursor ?? undefined })} />
            </>
          );
        }}
      </Answer>
      <p className="soft"><Trans>The trail is never changed and holds no personal data.</Trans></p>
    </Page>
  );
}

function rowId(row: AuditRowFragment): string {
  return row.id;
}

function Restrictions({ search, go }: { search: AuditSearch; go(change: AuditSearch): void }) {
  const { t, i18n } = useLingui();
  const [action, setAction] = useState(search.action ?? '');
  const [subject, setSubject] = useState(search.subject ?? '');
  const [job, setJob] = useState(search.job ?? '');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    go({ action: action || undefined, subject: subject || undefined, job: job || undefined });
  };
  return (
    <form className="trail-filter no-print" onSubmit={submit}>
      <Field label={t`Action`} value={action} onChange={setAction} placeholder="patron.block" />
      <Field label={t`About`} value={subject} onChange={setSubject} placeholder="pat_12" />
      <Field label={t`Job`} value={job} onChange={setJob} placeholder="job_7" />
      <Choice label={t`By`} value={search.actor ?? ''} onChange={(actor) => go({ actor: actor === '' ? undefined : actor })}
              options={[{ id: '' as const, label: t`All` }, ...KINDS.map((id) => ({ id, label: i18n._(actorWords[id]) }))]} />
      <DateField label={t`From`} value={search.from ?? null} onChange={(from) => go({ from: from ?? undefined })} />
      <DateField label={t`To`} value={search.to ?? null} onChange={(to) => go({ to: to ?? undefined })} />
      <Button type="submit"><Trans>Search</Trans></Button>
    </form>
  );
}

/** What an event is about; a patron or a job may be looked at, if it is still there. */
function About({ id, maySeePatrons }: { id: string | null; maySeePatrons: boolean }) {
  if (id?.startsWith('job_')) return <JobLink id={id}>{id}</JobLink>;
  return id?.startsWith('pat_') && maySeePatrons ? <Link to="/patrons/$id" params={{ id }}>{id}</Link> : id;
}

function who(row: AuditRowFragment): string | undefined {
  return row.actor?.displayName ?? row.tokenName ?? row.actorId ?? undefined;
}

function useAuditColumns(): readonly Column<AuditRowFragment>[] {
  const { t, i18n } = useLingui();
  const maySeePatrons = useMay('PATRONS_VIEW');
  return useMemo(
    () => [
      { id: 'at', head: t`When`, cell: (row) => moment(row.at) },
      { id: 'by', head: t`By`, cell: (row) => who(row) ?? i18n._(actorWords[row.actorKind]) },
      { id: 'action', head: t`Action`, cell: (row) => <code>{row.action}</code> },
      {
        id: 'subject',
        head: t`About`,
        cell: (row) => <About id={row.subjectId} maySeePatrons={maySeePatrons} />,
      },
      { id: 'job', head: t`Job`, cell: (row) => row.jobId && <JobLink id={row.jobId}>{row.jobId}</JobLink> },
      { id: 'told', head: t`Particulars`, cell: (row) => <span className="told">{told(row.detail, 3)}</span> },
    ],
    [t, i18n, i18n.locale, maySeePatrons],
  );
}

/** All events of the filter as a table for a spreadsheet, page by page. */
function useWholeTrail(filter: ReturnType<typeof auditFilter>) {
  const { t } = useLingui();
  const client = useClient();
  return async () => {
    const rows: (string | null | undefined)[][] = [[t`When`, t`By`, t`Action`, t`About`, t`Job`, t`Particulars`]];
    let after: string | null = null;
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const { data, error } = await client
        .query(AuditTrailDocument, { first: 200, after, filter }, { requestPolicy: 'network-only' }).toPromise();
      if (error || !data) {
        toast(t`The CSV could not be read to the end.`);
        break;
      }
      for (const { node } of data.auditEvents.edges) {
        const row = unmask(AuditRowFragmentDoc, node);
        rows.push([row.at, who(row) ?? row.actorKind, row.action, row.subjectId, row.jobId, told(row.detail)]);
      }
      after = data.auditEvents.pageInfo.endCursor ?? null;
      if (!data.auditEvents.pageInfo.hasNextPage) return rows;
    }
    toast(t`The CSV has the newest ${number(rows.length - 1)} events; choose days to have the others.`);
    return rows;
  };
}
