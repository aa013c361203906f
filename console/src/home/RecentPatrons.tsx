import { Trans, useLingui } from '@lingui/react/macro';
import { Link } from '@tanstack/react-router';
import { useQuery } from 'urql';
import { RecentPatronFragmentDoc, RecentPatronsDocument, unmask } from '../graphql/generated/index.ts';
import { StatusChips } from '../patrons/columns.tsx';
import { useRecentIds } from '../patrons/recent.ts';
import { Answer } from '../ui/Answer.tsx';
import { Button } from '../ui/Button.tsx';
import { Skeleton } from '../ui/Skeleton.tsx';

/** Who was opened last in this browser. Erased patrons, and those of another library, are not shown. */
export function RecentPatrons() {
  const { t } = useLingui();
  const [ids, forget] = useRecentIds();
  const place = (at: number) => ids[at] ?? ids[0] ?? '';
  const [state, again] = useQuery({
    query: RecentPatronsDocument,
    variables: { a: place(0), b: place(1), c: place(2), d: place(3), e: place(4), f: place(5) },
    pause: ids.length === 0,
  });
  return (
    <section className="card" aria-labelledby="recent-patrons">
      <header>
        <h2 id="recent-patrons">{t`Last opened`}</h2>
        {ids.length > 0 && <Button kind="quiet" small onPress={forget}><Trans>Forget them</Trans></Button>}
      </header>
      {ids.length === 0 ? <p className="soft"><Trans>The patrons whom you open are listed here until you sign out.</Trans></p> : (
        <Answer state={state} retry={again} skeleton={<Skeleton rows={ids.length} />}>
          {(data) => {
            const all = [data.a, data.b, data.c, data.d, data.e, data.f].slice(0, ids.length);
            const present = all.map((one) => unmask(RecentPatronFragmentDoc, one)).filter((one) => !!one);
            return (
              <ul className="lines">
                {present.map((patron) => (
                  <li key={patron.id}>
                    <Link to="/patrons/$id" params={{ id: patron.id }}>{patron.displayName || patron.barcode || patron.id}</Link>
                    <span className="mono soft">{patron.barcode}</span>
                    <StatusChips row={patron} />
                  </li>
                ))}
              </ul>
            );
          }}
        </Answer>
      )}
    </section>
  );
}
