import { Trans, useLingui } from '@lingui/react/macro';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo, type KeyboardEvent } from 'react';
import { useQuery } from 'urql';
import { PatronRowFragmentDoc, PatronsDocument, unmask, type PatronRowFragment } from '../graphql/generated/index.ts';
import { Can } from '../session/session.tsx';
import { Answer } from '../ui/Answer.tsx';
import { Button } from '../ui/Button.tsx';
import { ColumnPicker } from '../ui/ColumnPicker.tsx';
import { CsvButton } from '../ui/CsvButton.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';
import { Page } from '../ui/Page.tsx';
import { Pager } from '../ui/Pager.tsx';
import { Table } from '../ui/Table.tsx';
import { number } from '../words/format.ts';
import { usePatronColumns, useShownColumns } from './columns.tsx';
import { Filters } from './Filters.tsx';
import { PatronSearchBox } from './PatronSearchBox.tsx';
import './patrons.css';
import { SavedFilters } from './SavedFilters.tsx';
import type { PatronsSearch } from './search.ts';
import { useAllRows } from './useAllRows.ts';

const PAGE = 50;

export default function Patrons() {
  const { t } = useLingui();
  const search = useSearch({ from: '/shell/patrons' });
  const navigate = useNavigate({ from: '/patrons' });
  const go = (change: PatronsSearch) => void navigate({ search: { ...search, after: undefined, ...change } });
  const { shown, asked, choose } = useShownColumns();
  const every = usePatronColumns();
  const columns = useMemo(() => every.filter((column) => column.isFixed || shown.has(column.id)), [every, shown]);
  const matching = useMemo(
    () => ({
      search: search.q ?? null,
      filter: {
        status: search.status ?? null, category: search.category ?? null, branchId: search.branch ?? null,
        cohortId: search.cohort ?? null, groupId: search.group ?? null,
      },
      sort: search.sort ?? 'NAME' as const,
      ...asked,
    }),
    [search.q, search.status, search.category, search.branch, search.cohort, search.group, search.sort, asked],
  );
  const [state, again] = useQuery({ query: PatronsDocument, variables: { ...matching, first: PAGE, after: search.after ?? null } });
  const allRows = useAllRows(matching);

  return (
    <Page title={t`Patrons`} keepFocus actions={(
      <>
        <Can permission="PATRONS_CREATE">
          <Link to="/patrons/new" className="button primary"><Trans>Register a patron</Trans></Link>
        </Can>
        <ColumnPicker columns={every} shown={shown} onChange={choose} />
        <CsvButton name="patrons" rows={async () => [
          columns.map((column) => column.head),
          ...(await allRows()).map((row) => columns.map((column) => column.plain(row))),
        ]} />
      </>
    )}>
      <div className="stack" onKeyDown={intoTheList}>
        <div className="bar">
          <PatronSearchBox key={search.q} q={search.q ?? ''} within={search} />
          <Filters search={search} onChange={go} />
        </div>
        <SavedFilters search={search} />
        {search.group && (
          <p className="bar end">
            <Trans>Only members of one group are shown.</Trans>
            <Button small onPress={() => go({ group: undefined })}><Trans>Show all</Trans></Button>
          </p>
        )}
      </div>
      <Answer state={state} retry={again}>
        {({ patrons }) => {
          const rows = patrons.edges.map((edge) => unmask(PatronRowFragmentDoc, edge.node));
          if (rows.length === 0) {
            return (
              <EmptyState title={t`Nobody matches.`}>
                <Trans>Try the beginning of a name, a whole barcode or a whole e-mail address, or fewer filters.</Trans>
              </EmptyState>
            );
          }
          return (
            <>
              <Table label={t`Patrons`} columns={columns} rows={rows} idOf={idOf} />
              <div className="bar end">
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

/** From the search box, the arrow down leads to the first row. */
function intoTheList(event: KeyboardEvent) {
  const isSearch = event.target instanceof HTMLInputElement && event.target.type === 'search';
  const first = document.querySelector<HTMLElement>('.table tbody tr');
  if (event.key !== 'ArrowDown' || !isSearch || !first) return;
  event.preventDefault();
  first.focus();
}
