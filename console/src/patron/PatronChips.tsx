import { Trans, useLingui } from '@lingui/react/macro';
import type { PatronHeadFragment } from '../graphql/generated/index.ts';
import { statusWords } from '../patrons/words.ts';
import { useViewer } from '../session/session.tsx';
import { Chip } from '../ui/Chip.tsx';
import { day, money } from '../words/format.ts';

/** The state of an account, and every reason why it is refused service. */
export function PatronChips({ head }: { head: PatronHeadFragment }) {
  const { i18n } = useLingui();
  const { currency } = useViewer().library;
  const debt = head.blockReasons.find((one) => one.code === 'DEBT');
  return (
    <span className="chips">
      <Chip tone={head.status === 'ACTIVE' ? 'good' : 'plain'}>
        {i18n._(statusWords[head.status])}
        {head.purgeAfter && <> · <Trans>erased on {day(head.purgeAfter)}</Trans></>}
      </Chip>
      {head.blockReasons.some((one) => one.code === 'MANUAL') && (
        <Chip tone="danger"><Trans>Blocked by staff</Trans></Chip>
      )}
      {debt && (
        <Chip tone="warn">
          {debt.amountToClear
            ? <Trans>Blocked by debt: {money(debt.amountToClear, currency)} clears it</Trans>
            : <Trans>Blocked by debt</Trans>}
        </Chip>
      )}
      {head.expired && <Chip tone="warn"><Trans context="account">Expired</Trans></Chip>}
      {head.protected && <Chip tone="accent"><Trans>Protected</Trans></Chip>}
    </span>
  );
}
