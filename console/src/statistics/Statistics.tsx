import { Trans, useLingui } from '@lingui/react/macro';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import { useQuery } from 'urql';
import {
  LoanStatisticsDocument, StatisticChoicesDocument, StatisticRowFragmentDoc, unmask, type LoanStatisticsQuery,
  type StatisticDimension, type StatisticRowFragment,
} from '../graphql/generated/index.ts';
import { Answer } from '../ui/Answer.tsx';
import { Button } from '../ui/Button.tsx';
import { Choice } from '../ui/Choice.tsx';
import { DateField } from '../ui/DateField.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';
import { Page } from '../ui/Page.tsx';
import { Table, type Column } from '../ui/Table.tsx';
import { day, number } from '../words/format.ts';
import { Chart, TooNarrow } from './Chart.tsx';
import { figures, keyOf } from './figures.ts';
import {
  csvAddress, DIMENSIONS, question, span, UNKNOWN, type Question, type Span, type StatisticsSearch,
} from './search.ts';
import './statistics.css';
import { dimensionWords, spanWords, valueWords } from './words.ts';

const MOST_ROWS = 500;
const SPANS = Object.keys(spanWords) as Span[];

export default function Statistics() {
  const { t } = useLingui();
  const search = useSearch({ from: '/shell/statistics' });
  const today = new Date().toISOString().slice(0, 10);
  const asked = useMemo(() => question(search, today), [search, today]);
  const [state, again] = useQuery({ query: LoanStatisticsDocument, variables: asked });
  return (
    <Page title={t`Loans over time`} actions={
      <>
        <a className="button plain" href={csvAddress(asked)} download><Trans>Save as CSV</Trans></a>
        <Button onPress={() => window.print()}><Trans>Print</Trans></Button>
      </>
    }>
      <Asking search={search} asked={asked} today={today} />
      <p className="only-print">{day(asked.from)} – {day(asked.to)}</p>
      <Answer state={state} retry={again}>{(data) => <Found data={data} asked={asked} />}</Answer>
    </Page>
  );
}

/** The time, the grouping, and which loans are counted. */
function Asking({ search, asked, today }: { search: StatisticsSearch; asked: Question; today: string }) {
  const { t, i18n } = useLingui();
  const navigate = useNavigate({ from: '/statistics' });
  const go = (change: StatisticsSearch) => void navigate({ search: { ...search, ...change } });
  const [{ data }] = useQuery({
    query: StatisticChoicesDocument, variables: { from: asked.from, to: asked.to }, requestPolicy: 'cache-first',
  });
  const any = { id: '', label: t`All` };
  const named = (values: (string | null | undefined)[], chosen: string | undefined, dimension: StatisticDimension) => {
    const ids = values.map((value) => (value === '' || value === null || value === undefined ? UNKNOWN : value));
    if (chosen && !ids.includes(chosen)) ids.push(chosen);
    return [any, ...ids.map((id) => ({ id, label: valueWords(i18n, dimension, id === UNKNOWN ? '' : id) }))];
  };
  const dimensions = DIMENSIONS.map((id) => ({ id, label: i18n._(dimensionWords[id]) }));
  const chosen = SPANS.find((one) => span(one, today).from === asked.from && span(one, today).to === asked.to) ?? '';
  const branches = data?.library.branches ?? [];
  return (
    <div className="asking no-print">
      <Choice label={t`Time`} value={chosen} onChange={(which) => which && go(span(which as Span, today))}
              options={[...(chosen ? [] : [{ id: '', label: t`As below` }]),
                ...SPANS.map((id) => ({ id, label: i18n._(spanWords[id]) }))]} />
      <DateField label={t`From`} value={asked.from} max={asked.to} onChange={(from) => go({ from: from ?? undefined })} />
      <DateField label={t`To`} value={asked.to} min={asked.from} onChange={(to) => go({ to: to ?? undefined })} />
      <Choice label={t`Group by`} value={asked.by[0] ?? 'MONTH'} options={dimensions}
              onChange={(by) => go({ by, split: search.split === by ? undefined : search.split })} />
      <Choice label={t`Split by`} value={asked.by[1] ?? ''}
              options={[{ id: '', label: t`Nothing` }, ...dimensions.filter((one) => one.id !== asked.by[0])]}
              onChange={(split) => go({ split: split || undefined })} />
      <Choice label={t`Branch`} value={search.branch ?? ''} onChange={(branch) => go({ branch: branch || undefined })}
              options={[any, ...branches.map((one) => ({ id: one.id, label: one.name }))]} />
      <Choice label={t`Material type`} value={search.material ?? ''} onChange={(material) => go({ material: material || undefined })}
              options={named((data?.materials ?? []).map((row) => row.materialType), search.material, 'MATERIAL_TYPE')} />
      <Choice label={t`Category`} value={search.category ?? ''} onChange={(category) => go({ category: category || undefined })}
              options={named((data?.categories ?? []).map((row) => row.category), search.category, 'CATEGORY')} />
      <Choice label={t`Cohort`} value={search.cohort ?? ''} onChange={(cohort) => go({ cohort: cohort || undefined })}
              options={named((data?.cohorts ?? []).flatMap((row) => row.cohort ?? []), search.cohort, 'COHORT')} />
      <Choice label={t`Lost`} value={search.lost ?? ''} onChange={(lost) => go({ lost: lost === '' ? undefined : lost })}
              options={[{ id: '' as const, label: any.label }, { id: 'yes' as const, label: t`Declared lost` },
                { id: 'no' as const, label: t`Not lost` }]} />
    </div>
  );
}

function Found({ data, asked }: { data: LoanStatisticsQuery; asked: Question }) {
  const { t } = useLingui();
  const rows = useMemo(() => data.rows.map((row) => unmask(StatisticRowFragmentDoc, row)), [data.rows]);
  const drawn = useMemo(() => figures(rows, asked.by, asked.from, asked.to), [rows, asked]);
  const numbered = useMemo(() => rows.slice(0, MOST_ROWS).map((row, at) => ({ row, id: String(at) })), [rows]);
  const columns = useStatisticColumns(asked.by);
  const totals = data.totals[0];
  if (!totals || totals.loans === 0) {
    return (
      <EmptyState title={t`No loans were counted.`}>
        <Trans>Choose a longer time, or fewer restrictions.</Trans>
      </EmptyState>
    );
  }
  return (
    <>
      <dl className="sums">
        <Sum name={t`Loans`}>{number(totals.loans)}</Sum>
        <Sum name={t`Returned`}>{number(totals.returned)}</Sum>
        <Sum name={t`Lost`}>{number(totals.lost)}</Sum>
        <Sum name={t`Not closed`}>{number(totals.open)}</Sum>
        <Sum name={t`Days on average`}>{days(totals.averageDays)}</Sum>
      </dl>
      <div className="beside">
        {drawn ? <Chart figures={drawn} by={asked.by[0] ?? 'MONTH'} split={asked.by[1]} /> : <TooNarrow />}
        <Table label={t`Loans`} columns={columns} rows={numbered} idOf={idOf} />
      </div>
      {rows.length > MOST_ROWS && (
        <p className="soft"><Trans>The first {number(MOST_ROWS)} of {number(rows.length)} rows are shown; the CSV has all.</Trans></p>
      )}
      <p className="soft">
        <Trans>Loans of erased patrons are counted as long as the library keeps them as anonymous statistics. Days are days of lending in UTC.</Trans>
      </p>
    </>
  );
}

interface Numbered {
  id: string;
  row: StatisticRowFragment;
}

function idOf({ id }: Numbered): string {
  return id;
}

function days(average: number | null | undefined): string {
  return average === null || average === undefined ? '–' : number(average, 1);
}

function Sum({ name, children }: { name: string; children: string }) {
  return <div><dt>{name}</dt><dd>{children}</dd></div>;
}

function useStatisticColumns(by: readonly StatisticDimension[]): readonly Column<Numbered>[] {
  const { t, i18n } = useLingui();
  return useMemo(
    () => [
      ...by.map((dimension) => ({
        id: dimension,
        head: i18n._(dimensionWords[dimension]),
        cell: ({ row }: Numbered) => valueWords(i18n, dimension, keyOf(row, dimension)),
      })),
      { id: 'loans', head: t`Loans`, isNumber: true, cell: ({ row }) => number(row.loans) },
      { id: 'returned', head: t`Returned`, isNumber: true, cell: ({ row }) => number(row.returned) },
      { id: 'lost', head: t`Lost`, isNumber: true, cell: ({ row }) => number(row.lost) },
      { id: 'open', head: t`Not closed`, isNumber: true, cell: ({ row }) => number(row.open) },
      { id: 'days', head: t`Days`, isNumber: true, cell: ({ row }) => days(row.averageDays) },
    ],
    [by, t, i18n, i18n.locale],
  );
}
