// Filters under a name, above the list and on the start page; kept in this browser for this member of staff.
import { Trans, useLingui } from '@lingui/react/macro';
import { Link } from '@tanstack/react-router';
import { useState, type FormEvent } from 'react';
import { useKept } from '../session/kept.ts';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { Field } from '../ui/Field.tsx';
import { toast } from '../ui/toast.tsx';
import { filterName, filterOf, isEmpty, savedFilters } from './filters.ts';
import type { PatronsSearch } from './search.ts';

export function useSavedFilters() {
  return useKept('filters', savedFilters);
}

/** The saved filters as links; the one in use can be removed, and one that has no name yet can be given one. */
export function SavedFilters({ search }: { search: PatronsSearch }) {
  const { t } = useLingui();
  const [saved, keep] = useSavedFilters();
  const [isNaming, setIsNaming] = useState(false);
  const current = filterName(saved, search);
  const maySave = current === undefined && !isEmpty(filterOf(search));
  if (saved.length === 0 && !maySave) return null;

  function remove(name: string) {
    keep(saved.filter((one) => one.name !== name));
    toast(t`The filter ${name} was removed.`, () => keep(saved));
  }

  return (
    <div className="saved no-print" role="group" aria-label={t`Saved filters`}>
      {saved.map((one) => (
        <span key={one.name} className={one.name === current ? 'pill current' : 'pill'}>
          <Link to="/patrons" search={one.search} aria-current={one.name === current ? 'true' : undefined}>{one.name}</Link>
          {one.name === current && (
            <button type="button" aria-label={t`Remove the filter ${one.name}`} onClick={() => remove(one.name)}>✕</button>
          )}
        </span>
      ))}
      {maySave && <Button kind="quiet" small onPress={() => setIsNaming(true)}><Trans>Save this filter</Trans></Button>}
      {isNaming && (
        <NameFilter onClose={() => setIsNaming(false)} onName={(name) => {
          keep([...saved.filter((one) => one.name !== name), { name, search: filterOf(search) }]);
          setIsNaming(false);
        }} />
      )}
    </div>
  );
}

function NameFilter({ onName, onClose }: { onName(name: string): void; onClose(): void }) {
  const { t } = useLingui();
  const [name, setName] = useState('');
  function submit(event: FormEvent) {
    event.preventDefault();
    if (name.trim()) onName(name.trim());
  }
  return (
    <Dialog title={t`Save this filter`} isOpen onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        <Field label={t`Name`} value={name} onChange={setName} maxLength={60} isRequired autoFocus
               description={t`Kept in this browser, for you. Search words are left out.`} />
        <footer>
          <Button onPress={onClose}><Trans>Cancel</Trans></Button>
          <Button type="submit" kind="primary"><Trans>Save</Trans></Button>
        </footer>
      </form>
    </Dialog>
  );
}
