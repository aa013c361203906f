// What narrows the list down. Each choice is in the address.
import { Trans, useLingui } from '@lingui/react/macro';
import { useMemo, useState } from 'react';
import { useQuery } from 'urql';
import { PatronChoicesDocument } from '../graphql/generated/index.ts';
import { Button } from '../ui/Button.tsx';
import { Choice } from '../ui/Choice.tsx';
import { filterOf } from './filters.ts';
import { SORTS, STATUSES, type PatronsSearch } from './search.ts';
import { sortWords, statusWords } from './words.ts';

interface Named {
  id: string;
  name: string;
}

/** On a narrow screen they are behind a button, which says how many are in use. */
export function Filters({ search, onChange }: { search: PatronsSearch; onChange(change: PatronsSearch): void }) {
  const { t, i18n } = useLingui();
  const [{ data }] = useQuery({ query: PatronChoicesDocument, requestPolicy: 'cache-first' });
  const [isOpen, setIsOpen] = useState(false);
  const { branches = [], categories = [], cohorts = [] } = data?.library ?? {};
  const any = { id: '', label: t`Any` };
  const options = (list: readonly Named[]) => [any, ...list.map(({ id, name }) => ({ id, label: name }))];
  const named = useMemo(() => categories.map(({ name }) => ({ id: name, name })), [categories]);
  const used = Object.keys(filterOf(search)).length + (search.group ? 1 : 0);

  return (
    <>
      <span className="more-filters no-print">
        <Button aria-expanded={isOpen} onPress={() => setIsOpen(!isOpen)}>
          {used > 0 ? <Trans>Filters ({used})</Trans> : <Trans>Filters</Trans>}
        </Button>
      </span>
      <div className={isOpen ? 'filters open no-print' : 'filters no-print'}>
        <Choice label={t`Status`} value={search.status ?? ''} onChange={(status) => onChange({ status: status || undefined })}
                options={[any as { id: '' | (typeof STATUSES)[number]; label: string }, ...STATUSES.map((id) => ({ id, label: i18n._(statusWords[id]) }))]} />
        <Choice label={t`Category`} value={search.category ?? ''} options={options(named)}
                onChange={(category) => onChange({ category: category || undefined })} />
        {branches.length > 1 && (
          <Choice label={t`Branch`} value={search.branch ?? ''} options={options(branches)}
                  onChange={(branch) => onChange({ branch: branch || undefined })} />
        )}
        {cohorts.length > 0 && (
          <Choice label={t`Year group`} value={search.cohort ?? ''} options={options(cohorts)}
                  onChange={(cohort) => onChange({ cohort: cohort || undefined })} />
        )}
        <Choice label={t`Order`} value={search.sort ?? 'NAME'} onChange={(sort) => onChange({ sort: sort === 'NAME' ? undefined : sort })}
                options={SORTS.map((id) => ({ id, label: i18n._(sortWords[id]) }))} />
      </div>
    </>
  );
}
