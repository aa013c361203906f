import { Trans, useLingui } from '@lingui/react/macro';
import { useMemo } from 'react';
import { useQuery } from 'urql';
import { LibraryPolicyFragmentDoc, LibrarySettingsDocument, unmask, type LibrarySettingsQuery } from '../graphql/generated/index.ts';
import { Answer } from '../ui/Answer.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';
import { Page } from '../ui/Page.tsx';
import { Table, type Column } from '../ui/Table.tsx';
import { PolicyForm } from './PolicyForm.tsx';
import './settings.css';

type Branch = LibrarySettingsQuery['library']['branches'][number];

export default function Settings() {
  const { t } = useLingui();
  const [state, again] = useQuery({ query: LibrarySettingsDocument });
  return (
    <Page title={t`Settings`}>
      <Answer state={state} retry={again}>
        {({ library }) => (
          <>
            <PolicyForm policy={unmask(LibraryPolicyFragmentDoc, library)} />
            <Branches branches={library.branches} />
          </>
        )}
      </Answer>
    </Page>
  );
}

function Branches({ branches }: { branches: readonly Branch[] }) {
  const { t, i18n } = useLingui();
  const columns = useMemo<readonly Column<Branch>[]>(
    () => [
      { id: 'code', head: t`Code`, cell: (row) => <strong>{row.code}</strong> },
      { id: 'name', head: t`Name`, cell: (row) => row.name },
      { id: 'phone', head: t`Phone`, cell: (row) => row.phone },
      { id: 'email', head: t`E-mail`, cell: (row) => row.email },
    ],
    [t, i18n.locale],
  );
  return (
    <section className="stack" aria-labelledby="branches">
      <h2 id="branches"><Trans>Branches</Trans></h2>
      {branches.length === 0
        ? <EmptyState title={t`There are no branches.`}><Trans>They come with the snapshot of the library that is imported.</Trans></EmptyState>
        : <Table label={t`Branches`} columns={columns} rows={branches} idOf={branchId} />}
    </section>
  );
}

function branchId(row: Branch): string {
  return row.id;
}
