// The columns of the list: those that are shown unless the viewer chose others, and what each asks for.
import { Trans, useLingui } from '@lingui/react/macro';
import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import type { PatronRowFragment } from '../graphql/generated/index.ts';
import { useKept } from '../session/kept.ts';
import { useViewer } from '../session/session.tsx';
import { Chip } from '../ui/Chip.tsx';
import type { Column } from '../ui/Table.tsx';
import { day, money, number } from '../words/format.ts';
import { statusWords } from './words.ts';

type Row = PatronRowFragment;

export interface PatronColumn extends Column<Row> {
  isFixed?: boolean;
  /** What a spreadsheet is given. */
  plain(row: Row): string | number | null | undefined;
}

/** Asked for only while they are shown. */
const OPTIONAL = ['phone', 'branch', 'cohort', 'reservations', 'registered', 'expires', 'activity'] as const;
const FIRST_SHOWN = ['barcode', 'status', 'email', 'category', 'loans', 'overdue', 'debt'];

function shownColumns(stored: unknown): ReadonlySet<string> {
  return new Set(Array.isArray(stored) ? stored.map(String) : FIRST_SHOWN);
}

/** Which columns are shown, what the query needs to know of that, and how to change it. */
export function useShownColumns() {
  const [shown, keep] = useKept('columns', shownColumns);
  const asked = useMemo(
    () => Object.fromEntries(OPTIONAL.map((one) => [one, shown.has(one)])) as Record<(typeof OPTIONAL)[number], boolean>,
    [shown],
  );
  return { shown, asked, choose: (chosen: ReadonlySet<string>) => keep(chosen) };
}

export function usePatronColumns(): readonly PatronColumn[] {
  const { t, i18n } = useLingui();
  const { currency } = useViewer().library;
  return useMemo(
    () => [
      { id: 'name', head: t`Name`, isFixed: true, plain: (row) => row.displayName, cell: (row) => <PatronLink row={row} /> },
      { id: 'barcode', head: t`Barcode`, plain: (row) => row.barcode, cell: (row) => <span className="mono">{row.barcode}</span> },
      { id: 'status', head: t`Status`, plain: (row) => i18n._(statusWords[row.status]), cell: (row) => <StatusChips row={row} /> },
      { id: 'email', head: t`E-mail`, plain: (row) => row.email, cell: (row) => row.email && <Email address={row.email} /> },
      { id: 'phone', head: t`Phone`, plain: (row) => row.phone, cell: (row) => row.phone },
      { id: 'category', head: t`Category`, plain: (row) => row.category, cell: (row) => row.category },
      { id: 'branch', head: t`Branch`, plain: (row) => row.branch?.name, cell: (row) => row.branch?.name },
      { id: 'cohort', head: t`Year group`, plain: (row) => row.cohort?.name, cell: (row) => row.cohort?.name },
      { id: 'loans', head: t`Loans`, isNumber: true, plain: (row) => row.openLoanCount, cell: (row) => number(row.openLoanCount) },
      { id: 'overdue', head: t`Overdue`, isNumber: true, plain: (row) => row.overdueLoanCount, cell: (row) => number(row.overdueLoanCount) },
      { id: 'reservations', head: t`Reservations`, isNumber: true, plain: (row) => row.openReservationCount, cell: (row) => number(row.openReservationCount ?? 0) },
      { id: 'debt', head: t`Owes`, isNumber: true, plain: (row) => row.debtTotal, cell: (row) => money(row.debtTotal, currency) },
      { id: 'registered', head: t`Registered`, plain: (row) => row.registeredAt?.slice(0, 10), cell: (row) => day(row.registeredAt) },
      { id: 'expires', head: t`Expires`, plain: (row) => row.expiresOn, cell: (row) => day(row.expiresOn) },
      { id: 'activity', head: t`Last active`, plain: (row) => row.lastActivityAt?.slice(0, 10), cell: (row) => day(row.lastActivityAt) },
    ],
    // The words change with the language.
    [t, i18n.locale, currency],
  );
}

function PatronLink({ row }: { row: Row }) {
  return <Link to="/patrons/$id" params={{ id: row.id }}>{row.displayName || row.barcode || row.id}</Link>;
}

/** Breaks before the @ when it must. */
function Email({ address }: { address: string }) {
  const at = address.lastIndexOf('@');
  return <span className="long">{address.slice(0, at)}<wbr />{address.slice(at)}</span>;
}

export function StatusChips({ row }: { row: Pick<Row, 'status' | 'blocked'> }) {
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
