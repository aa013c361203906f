import { Trans, useLingui } from '@lingui/react/macro';
import { Link } from '@tanstack/react-router';
import { useSavedFilters } from '../patrons/SavedFilters.tsx';

/** The saved filters of the list, one press away. */
export function FilterLinks() {
  const { t } = useLingui();
  const [saved] = useSavedFilters();
  return (
    <section className="card" aria-labelledby="saved-filters">
      <header><h2 id="saved-filters">{t`Saved filters`}</h2></header>
      {saved.length === 0
        ? <p className="soft"><Trans>Choose filters in the <Link to="/patrons">list of patrons</Link> and save them: they are one press away here.</Trans></p>
        : (
          <ul className="lines">
            {saved.map((one) => <li key={one.name}><Link to="/patrons" search={one.search}>{one.name}</Link></li>)}
          </ul>
        )}
    </section>
  );
}
