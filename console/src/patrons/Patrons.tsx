import { Trans, useLingui } from '@lingui/react/macro';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import { useQuery } from 'urql';
import { PatronRowFragmentDoc, PatronsDocument, unmask, type PatronRowFragment } from '../graphql/generated/index.ts';
import { useViewer } from '../session/session.tsx';
import { Answer } from '../ui/Answer.tsx';
import { Choice } from '../ui/Choice.tsx';
import { Chip } from '../ui/Chip.tsx';
import { CsvButton } from '../ui/CsvButton.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';
import { Page } from '../ui/Page.tsx';
import { Pager } from '../ui/Pager.tsx';
import { Table, type Column } from '../ui/Table.tsx';
import { money, number } from '../words/format.ts';
import { PatronSearchBox } from './PatronSearchBox.tsx';
import { SORTS, STATUSES, type PatronsSearch } from './search.ts';
import { sortWords, statusWords } from './words.ts';

const PAGE = 50;

export default function Patrons() {
  const { t, i18n } = useLingui();
  const search = useSearch({ from: '/shell/patrons' });
  const navigate = useNavigate({ from: '/patrons' });
  const go = (change: PatronsSearch) => void navigate({ search: { ...search, after: undefined, ...change } });
  const filter = useMemo(
    () => ({ status: search.status ?? null, groupId: search.group ?? null }),
    [search.status, search.group],
  );
  const [state, again] = useQuery({
    query: PatronsDocument,
    variables: {
      first: PAGE, after: search.after ?? null, search: search.q ?? null, filter, sort: search.sort ?? 'NAME',
    },
  });
  const columns = usePatronColumns();

  return (
    <Page title={t`Patrons`} keepFocus>
      <div className="bar">
        <PatronSearchBox key={search.q} q={search.q ?? ''} autoFocus />
        <Choice inline label={t`Status`} value={search.status ?? ''} onChange={(status) => go({ status: status || undefined })}
                options={[{ id: '', label: t`Any` }, ...STATUSES.map((id) => ({ id, label: i18n._(statusWords[id]) }))]} />
        <Choice inline label={t`Order`} value={search.sort ?? 'NAME'} onChange={(sort) => go({ sort })}
                options={SORTS.map((id) => ({ id, label: i18n._(sortWords[id]) }))} />
      </div>
      <Answer state={state} retry={again}>
        {({ patrons }) => {
          const rows = patrons.edges.map((edge) => unmask(PatronRowFragmentDoc, edge.node));
          if (rows.length === 0) {
            return (
              <EmptyState title={t`Nobody matches.`}>
                <Trans>Try the beginning of a name, a whole barcode or a whole e-mail address, or another status.</Trans>
              </EmptyState>
            );
          }
          return (
            <>
              <Table label={t`Patrons`} columns={columns} rows={rows} idOf={idOf} />
              <div className="bar end">
                <CsvButton name="patrons" rows={() => [
                  [t`Name`, t`Barcode`, t`E-mail`, t`Status`, t`Category`, t`Loans`, t`Overdue`, t`Owes`],
                  ...rows.map((row) => [row.displayName, row.barcode, row.email, row.status, row.category,
                    row.openLoanCount, row.overdueLoanCount, row.debtTotal]),
                ]} />
                <Pager hasNext={patrons.pageInfo.hasNextPage} isFirst={!patrons.pageInfo.hasPreviousPage}
                       onFirst={() => go({})} onNext={() => go({ after: patrons.pageInfo.endCursor ?? undefined })}>
                  <Trans>{number(patrons.totalCount)} in all</Trans>
                </Pager>
              </div>
            </>
          );
        }}
      </Answer>
    </Page>
  );
}

function idOf(row: PatronRowFragment): string {
  return row.id;
}

function usePatronColumns(): readonly Column<PatronRowFragment>[] {
  const { t, i18n } = useLingui();
  const { currency } = useViewer().library;
  return useMemo(
    () => [
      { id: 'name', head: t`Name`, cell: (row) => row.displayName },
      { id: 'barcode', head: t`Barcode`, cell: (row) => <span className="mono">{row.barcode}</span> },
      { id: 'status', head: t`Status`, cell: (row) => <PatronChips row={row} /> },
      { id: 'email', head: t`E-mail`, cell: (row) => row.email && <span className="long">{row.email}</span> },
      { id: 'category', head: t`Category`, cell: (row) => row.category },
      { id: 'loans', head: t`Loans`, isNumber: true, cell: (row) => number(row.openLoanCount) },
      { id: 'overdue', head: t`Overdue`, isNumber: true, cell: (row) => number(row.overdueLoanCount) },
      { id: 'debt', head: t`Owes`, isNumber: true, cell: (row) => money(row.debtTotal, currency) },
    ],
    // The words change with the language.
    [t, i18n.locale, currency],
  );
}

function PatronChips({ row }: { row: PatronRowFragment }) {
  const { i18n } = useLingui();
  return (
    <span className="chips">
      {row.status !== 'ACTIVE' && <Chip>{i18n._(statusWords[row.status])}</Chip>}
      {row.status === 'ACTIVE' && (row.blocked
        ? <Chip tone="danger"><Trans>Blocked</Trans></Chip>
        : <Chip tone="good"><Trans>Active</Trans></Chip>)}
    </span>
  );
}
