// How far the seals over the trail have come: what is known without checking anything, and how it is checked.
import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useQuery } from 'urql';
import { AuditChainStateDocument, type AuditChainStateQuery } from '../graphql/generated/index.ts';
import { Answer } from '../ui/Answer.tsx';
import { Chip } from '../ui/Chip.tsx';
import { CopyButton } from '../ui/CopyButton.tsx';
import { useFresh } from '../ui/useFresh.ts';
import { moment, number } from '../words/format.ts';
import { isLate, LATE_MINUTES, MOST_COUNTED } from './chain.ts';

type Chain = AuditChainStateQuery['auditChain'];

export function ChainCard() {
  const { t } = useLingui();
  const [state, again] = useQuery({ query: AuditChainStateDocument });
  useFresh(again);
  const chain = state.data?.auditChain;
  return (
    <section className="card chain" aria-labelledby="chain">
      <header>
        <h2 id="chain">{t`Seals`}</h2>
        {chain && <Standing chain={chain} />}
      </header>
      <Answer state={state} retry={again}>{(data) => <State chain={data.auditChain} />}</Answer>
    </section>
  );
}

function Standing({ chain }: { chain: Chain }) {
  if (isLate(chain.waitingSince, Date.now())) return <Chip tone="warn"><Trans>Waits too long</Trans></Chip>;
  if (chain.waiting > 0) return <Chip><Trans context="events">To be sealed</Trans></Chip>;
  return chain.sealed > 0 ? <Chip tone="good"><Trans context="events">All sealed</Trans></Chip> : null;
}

function State({ chain }: { chain: Chain }) {
  const { t } = useLingui();
  const { sealed, sealedAt, head, waiting, waitingSince } = chain;
  return (
    <>
      {isLate(waitingSince, Date.now()) && (
        <div className="notice warn" role="status">
          <strong><Trans>Events have waited for a seal for more than {LATE_MINUTES} minutes.</Trans></strong>
          <p><Trans>Workers seal once a minute. Either none runs, or somebody has removed seals: tell whoever runs the server.</Trans></p>
        </div>
      )}
      <dl className="facts">
        <dt><Trans context="events">Sealed</Trans></dt>
        <dd>
          {sealedAt === null ? <Trans>Nothing yet</Trans>
            : <><Plural value={sealed} one="# event" other="# events" />, <Trans>the last one {moment(sealedAt)}</Trans></>}
        </dd>
        <dt><Trans context="events">Waiting</Trans></dt>
        <dd>
          {waitingSince === null ? <Trans context="events">None</Trans> : (
            <>
              {waiting >= MOST_COUNTED ? <Trans>{number(waiting)} events or more</Trans>
                : <Plural value={waiting} one="# event" other="# events" />}, <Trans>since {moment(waitingSince)}</Trans>
            </>
          )}
        </dd>
        {head && (
          <>
            <dt><Trans context="chain">Head</Trans></dt>
            <dd className="head">
              <code>{head}</code>
              <CopyButton small text={head} said={t`The head was copied.`} label={t`Copy the head`} />
            </dd>
          </>
        )}
      </dl>
      <p className="soft">
        <Trans>
          Keep the head where the database's administrator cannot reach: only <code>patrongraph audit verify --head</code> with it shows
          later that the newest events were not cut off. This is how far the seals have come; nothing is checked here.
        </Trans>
      </p>
    </>
  );
}
