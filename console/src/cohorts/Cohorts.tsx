import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useCallback, useMemo, useState } from 'react';
import { useQuery } from 'urql';
import { useAction } from '../graphql/action.ts';
import {
  CohortRowFragmentDoc, CohortsDocument, CreateCohortDocument, DeleteCohortDocument, unmask, type CohortRowFragment,
} from '../graphql/generated/index.ts';
import { useMay } from '../session/session.tsx';
import { Answer } from '../ui/Answer.tsx';
import { Button } from '../ui/Button.tsx';
import { Chip } from '../ui/Chip.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';
import { Page } from '../ui/Page.tsx';
import { ProblemNotice } from '../ui/ProblemNotice.tsx';
import { Table, type Column } from '../ui/Table.tsx';
import { toast } from '../ui/toast.tsx';
import { number } from '../words/format.ts';
import { CohortDialog } from './CohortDialog.tsx';
import './cohorts.css';
import { EndOfYear } from './EndOfYear.tsx';
import { Years } from './Years.tsx';

export default function Cohorts() {
  const { t } = useLingui();
  const maySeePatrons = useMay('PATRONS_VIEW');
  const [state, query] = useQuery({ query: CohortsDocument, variables: { maySeePatrons } });
  const again = useCallback(() => query({ requestPolicy: 'network-only' }), [query]);
  const [edited, setEdited] = useState<CohortRowFragment | 'new'>();
  const cohorts = useMemo(
    () => (state.data?.library.cohorts ?? []).map((one) => unmask(CohortRowFragmentDoc, one)),
    [state.data],
  );
  const removal = useRemoval(again);
  const columns = useCohortColumns(maySeePatrons, setEdited, removal.remove);

  return (
    <Page title={t`Cohorts`} actions={<Button kind="primary" onPress={() => setEdited('new')}><Trans>New cohort</Trans></Button>}>
      <Answer state={state} retry={query}>
        {({ rollovers }) => (
          <>
            {removal.notice}
            {cohorts.length === 0 ? (
              <EmptyState title={t`There are no cohorts yet.`}>
                <Trans>Begin with the one that pupils are in after they have left the school, then the last school year.</Trans>
              </EmptyState>
            ) : <Table label={t`Cohorts`} columns={columns} rows={cohorts} idOf={idOf} />}
            {cohorts.length > 0 && <EndOfYear onEnd={again} />}
            {rollovers && rollovers.edges.length > 0 && <Years rollovers={rollovers.edges.map(({ node }) => node)} onChange={again} />}
          </>
        )}
      </Answer>
      {edited && (
        <CohortDialog cohort={edited === 'new' ? undefined : edited} cohorts={cohorts}
                      onClose={(changed) => { setEdited(undefined); if (changed) again(); }} />
      )}
    </Page>
  );
}

function idOf(row: CohortRowFragment): string {
  return row.id;
}

/** A cohort that nobody is in goes at once, with Undo; why one does not go is said above the list. */
function useRemoval(again: () => void) {
  const { t } = useLingui();
  const deletion = useAction(DeleteCohortDocument, { idempotent: false });
  const creation = useAction(CreateCohortDocument);
  const { run } = deletion;
  const { run: create } = creation;
  const remove = useCallback(
    async (row: CohortRowFragment) => {
      if (!(await run({ id: row.id }))) return;
      again();
      toast(t`${row.code} was deleted.`, async () => {
        const { code, name, graduated, next } = row;
        if (await create({ code, name, graduated, nextCohortId: next?.id ?? null })) again();
      });
    },
    [run, create, again, t],
  );
  const inUse = deletion.refusal?.__typename === 'CohortInUse' ? deletion.refusal : undefined;
  const notice = (deletion.problem || deletion.error || creation.problem || creation.error) && (
    <div>
      <ProblemNotice problem={deletion.problem ?? creation.problem} error={deletion.error ?? creation.error} />
      {inUse && (
        <ul className="reasons">
          {inUse.memberCount > 0 && <li><Plural value={inUse.memberCount} one="# patron is in it." other="# patrons are in it." /></li>}
          {inUse.previousCodes.length > 0 && <li><Trans>It is the next one of {inUse.previousCodes.join(', ')}.</Trans></li>}
        </ul>
      )}
    </div>
  );
  return { remove, notice };
}

function useCohortColumns(
  maySeePatrons: boolean, edit: (row: CohortRowFragment) => void, remove: (row: CohortRowFragment) => void,
): readonly Column<CohortRowFragment>[] {
  const { t, i18n } = useLingui();
  return useMemo(() => {
    const columns: Column<CohortRowFragment>[] = [
      { id: 'code', head: t`Code`, cell: (row) => <strong>{row.code}</strong> },
      { id: 'name', head: t`Name`, cell: (row) => row.name },
      {
        id: 'next',
        head: t`Next cohort`,
        cell: (row) => (row.graduated ? <Chip tone="accent"><Trans>Graduated</Trans></Chip>
          : row.nextCode ? <span>→ {row.nextCode}</span> : <span className="soft"><Trans>Stay</Trans></span>),
      },
    ];
    if (maySeePatrons) {
      columns.push(
        { id: 'members', head: t`Patrons`, isNumber: true, cell: (row) => number(row.memberCount ?? 0) },
        { id: 'active', head: t`Active ones`, isNumber: true, cell: (row) => number(row.activeMemberCount ?? 0) },
      );
    }
    columns.push({
      id: 'do',
      isAction: true,
      head: t`Change`,
      isNumber: true,
      cell: (row) => (
        <span className="row-actions">
          <Button kind="quiet" small aria-label={t`Edit ${row.code}`} onPress={() => edit(row)}><Trans>Edit</Trans></Button>
          <Button kind="quiet" small aria-label={t`Delete ${row.code}`} onPress={() => remove(row)}><Trans>Delete</Trans></Button>
        </span>
      ),
    });
    return columns;
  }, [t, i18n.locale, maySeePatrons, edit, remove]);
}
