import { Trans, useLingui } from '@lingui/react/macro';
import { Link } from '@tanstack/react-router';
import type { ObstacleCode } from '../graphql/generated/index.ts';
import { useHasTab, type PatronTab } from './tabs.ts';
import { obstacleWords } from './words.ts';

const WHERE: Partial<Record<ObstacleCode, PatronTab>> = {
  OPEN_LOANS: 'loans', OPEN_RESERVATIONS: 'reservations', DEBTS: 'debts', CREDIT_BALANCE: 'debts', PROTECTED: 'data',
};

/** All that stands in the way of a deletion; each leads to where it can be settled. */
export function Obstacles({ patronId, obstacles, onFollow }: {
  patronId: string;
  obstacles: readonly { code: ObstacleCode; count: number }[];
  onFollow(): void;
}) {
  const { i18n } = useLingui();
  const hasTab = useHasTab();
  return (
    <div className="notice warn" role="alert">
      <strong><Trans>The patron cannot be deleted yet:</Trans></strong>
      <ul>
        {obstacles.map(({ code, count }) => {
          const tab = WHERE[code];
          const words = i18n._({ ...obstacleWords[code], values: { count } });
          return (
            <li key={code}>
              {tab && hasTab(tab)
                ? <Link to={`/patrons/$id/${tab}` as '/patrons/$id/data'} params={{ id: patronId }} onClick={onFollow}>{words}</Link>
                : words}
            </li>
          );
        })}
      </ul>
    </div>
  );
}
