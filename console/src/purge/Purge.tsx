import { Trans, useLingui } from '@lingui/react/macro';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { useQuery } from 'urql';
import {
  PurgePageDocument, PurgeRowFragmentDoc, unmask, type PurgePageQuery, type PurgeRowFragment,
} from '../graphql/generated/index.ts';
import { codeWords } from '../jobs/words.ts';
import { Answer } from '../ui/Answer.tsx';
import { Button } from '../ui/Button.tsx';
import { Chip } from '../ui/Chip.tsx';
import { Choice } from '../ui/Choice.tsx';
import { CsvButton } from '../ui/CsvButton.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';
import { Page } from '../ui/Page.tsx';
import { Pager } from '../ui/Pager.tsx';
import { Table, type Column } from '../ui/Table.tsx';
import { useTagging } from '../ui/tagging.ts';
import { day, number } from '../words/format.ts';
import { ConfirmPurge, type Whom } from './ConfirmPurge.tsx';
import { LoansButton } from './MarkLost.tsx';
import { PurgeSearchBox } from './PurgeSearchBox.tsx';
import './purge.css';
import { SIZES, type PurgeSearch, type Size } from './search.ts';

const SIZE: Size = 20;

export default function Purge() {
  const { t } = useLingui();
  const search = useSearch({ from: '/shell/purge' });
  const navigate = useNavigate({ from: '/purge' });
  const go = (change: PurgeSearch) => void navigate({ search: { ...search, after: undefined, ...change } });
  const size = search.size ?? SIZE;
  const [state, again] = useQuery({
    query: PurgePageDocument,
    variables: { first: size, after: search.after ?? null, search: search.q ?? null },
  });
  const [whom, setWhom] = useState<Whom>();
  const renew = () => again({ requestPolicy: 'network-only' });

  return (
    <Page title={t`Purge`} actions={
      <Button isDisabled={!state.data?.purgeCandidates.totalCount} onPress={() => setWhom({ search: search.q ?? null })}>
        <Trans>Purge all that match…</Trans>
      </Button>
    }>
      <p className="soft lead">
        <Trans>Inactive patrons, with what stands in the way. A purge erases them for good; nothing happens before you confirm.</Trans>
      </p>
      <div className="bar">
        <PurgeSearchBox key={search.q} q={search.q ?? ''} onSearch={(q) => go({ q })} />
        <Choice inline label={t`Per page`} value={String(size)} onChange={(chosen) => go({ size: Number(chosen) as Size })}
                options={SIZES.map((one) => ({ id: String(one), label: String(one) }))} />
      </div>
      <Answer state={state} retry={again}>
        {({ purgeCandidates: found }) => {
          if (found.edges.length === 0) {
            return (
              <EmptyState title={t`Nobody to purge.`}>
                <Trans>Only inactive patrons are listed: deactivate whoever has left, one by one or by a file.</Trans>
              </EmptyState>
            );
          }
          return (
            <>
              <Candidates key={JSON.stringify(search)} edges={found.edges}
                          onPurge={(ids) => setWhom({ patronIds: ids })} onChanged={renew} />
              <Pager hasNext={found.pageInfo.hasNextPage} isFirst={!found.pageInfo.hasPreviousPage}
                     onFirst={() => go({})} onNext={() => go({ after: found.pageInfo.endCursor ?? undefined })}>
                <Trans>{number(found.totalCount)} in all</Trans>
              </Pager>
            </>
          );
        }}
      </Answer>
      {whom && <ConfirmPurge whom={whom} onClose={() => { setWhom(undefined); renew(); }} />}
    </Page>
  );
}

type Edges = PurgePageQuery['purgeCandidates']['edges'];

/** One page of them, to be tagged; the bar is before the table for the keyboard and below it for the eye. */
function Candidates({ edges, onPurge, onChanged }: {
  edges: Edges;
  onPurge(ids: readonly string[]): void;
  onChanged(): void;
}) {
  const { t } = useLingui();
  const rows = useMemo(() => edges.map(({ node }) => unmask(PurgeRowFragmentDoc, node)), [edges]);
  const ids = useMemo(() => rows.map(idOf), [rows]);
  const taggable = useMemo(() => new Set(rows.filter((row) => row.taggable).map(idOf)), [rows]);
  const tagging = useTagging(ids, taggable);
  const columns = useCandidateColumns(onChanged);
  const [isAsked, setIsAsked] = useState(false);
  const count = tagging.tagged.size;
  const purge = () => {
    setIsAsked(count === 0);
    if (count > 0) onPurge(ids.filter((id) => tagging.tagged.has(id)));
  };

  return (
    <div className="tag-list" onKeyDown={(event) => {
      if (event.key === 'Delete' && (event.target as HTMLElement).closest('table')) purge();
    }}>
      <div className="sticky-bar no-print">
        <span role="status">
          <strong>{t`${number(count)} tagged`}</strong>
          {isAsked && count === 0 && <span className="wrong"><Trans>Tag somebody first.</Trans></span>}
        </span>
        <span className="soft keys"><Trans>Space tags, Shift a range, Delete purges</Trans></span>
        <span className="end">
          <CsvButton name="purge" rows={() => [
            [t`Patron`, t`Barcode`, t`Category`, t`Last activity`, t`Loans`, t`In the way`],
            ...rows.map((row) => [row.patron.displayName, row.patron.barcode, row.patron.category, row.patron.lastActivityAt,
              row.openLoanCount, row.obstacles.map((one) => one.code).join(' ')]),
          ]} />
          {count > 0
            ? <Button kind="quiet" onPress={tagging.clear}><Trans>Untag all</Trans></Button>
            : <Button kind="quiet" onPress={tagging.toggleAll}><Trans>Tag all</Trans></Button>}
          <Button kind="primary" aria-keyshortcuts="Delete" onPress={purge}><Trans>Purge tagged…</Trans></Button>
        </span>
      </div>
      <Table label={t`Candidates for a purge`} columns={columns} rows={rows} idOf={idOf} nameOf={nameOf} tagging={tagging} />
    </div>
  );
}

function idOf(row: PurgeRowFragment): string {
  return row.patron.id;
}

function nameOf(row: PurgeRowFragment): string {
  return row.patron.displayName;
}

function useCandidateColumns(onChanged: () => void): readonly Column<PurgeRowFragment>[] {
  const { t, i18n } = useLingui();
  const [changed] = useState(() => ({ tell: onChanged }));
  changed.tell = onChanged;
  return useMemo(
    () => [
      {
        id: 'name', head: t`Patron`,
        cell: (row) => <Link to="/patrons/$id" params={{ id: row.patron.id }}>{row.patron.displayName}</Link>,
      },
      { id: 'barcode', head: t`Barcode`, cell: (row) => <span className="mono">{row.patron.barcode}</span> },
      { id: 'category', head: t`Category`, cell: (row) => row.patron.category },
      { id: 'last', head: t`Last activity`, cell: (row) => day(row.patron.lastActivityAt) },
      { id: 'way', head: t`In the way`, cell: (row) => <InTheWay row={row} onChanged={() => changed.tell()} /> },
    ],
    // The words change with the language.
    [t, i18n.locale, changed],
  );
}

function InTheWay({ row, onChanged }: { row: PurgeRowFragment; onChanged(): void }) {
  const { i18n } = useLingui();
  return (
    <span className="chips">
      {row.openLoanCount > 0 && (
        <LoansButton patronId={row.patron.id} name={row.patron.displayName} count={row.openLoanCount} onChanged={onChanged} />
      )}
      {row.obstacles.filter((one) => one.code !== 'OPEN_LOANS').map((one) => (
        <Chip key={one.code} tone="warn">{codeWords[one.code] ? i18n._(codeWords[one.code]!) : one.code}</Chip>
      ))}
      {row.purgeable && <Chip tone="good"><Trans>Nothing</Trans></Chip>}
    </span>
  );
}
