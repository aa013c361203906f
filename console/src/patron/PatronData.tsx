// The patron's data: cards with a pen, one in edit at a time, and what is done with the account.
import { Trans, useLingui } from '@lingui/react/macro';
import { useParams } from '@tanstack/react-router';
import { useCallback, useMemo, useState } from 'react';
import { useQuery } from 'urql';
import {
  AccountChoicesFragmentDoc, PatronBlocksFragmentDoc, PatronDataDocument, PatronDetailsFragmentDoc, PatronHeadFragmentDoc,
  unmask, type PatronDataQuery, type PatronDetailsFragment,
} from '../graphql/generated/index.ts';
import { Answer } from '../ui/Answer.tsx';
import { Chip } from '../ui/Chip.tsx';
import { useUnsavedGuard } from '../ui/unsaved.ts';
import { day, moment } from '../words/format.ts';
import { Actions } from './Actions.tsx';
import { Blocks } from './Blocks.tsx';
import { kindWords, lines, useSections } from './fields.ts';
import { Pin } from './Pin.tsx';
import { Section, type Editing } from './Section.tsx';
import { useFresh } from '../ui/useFresh.ts';

export default function PatronData() {
  const { id } = useParams({ from: '/shell/patrons/$id/data' });
  const [state, again] = useQuery({ query: PatronDataDocument, variables: { id } });
  useFresh(again);
  return (
    <Answer state={state} retry={again}>
      {({ patron, library }) => patron && <Cards patron={patron} library={library} key={id} />}
    </Answer>
  );
}

function useEditing(): Editing {
  const { t } = useLingui();
  const [open, setOpen] = useState<string>();
  const [isDirty, setDirty] = useState(false);
  useUnsavedGuard(isDirty);
  const end = useCallback(() => {
    setDirty(false);
    setOpen(undefined);
  }, []);
  const begin = (section: string) => {
    if (isDirty && !window.confirm(t`You have not saved your changes. Leave without saving?`)) return;
    setDirty(false);
    setOpen(section);
  };
  return { open, begin, end, setDirty };
}

function Cards({ patron, library }: { patron: NonNullable<PatronDataQuery['patron']>; library: PatronDataQuery['library'] }) {
  const { t } = useLingui();
  const editing = useEditing();
  const choices = unmask(AccountChoicesFragmentDoc, library);
  const fields = useSections(choices);
  const details = unmask(PatronDetailsFragmentDoc, patron);
  const head = unmask(PatronHeadFragmentDoc, patron);
  const blocks = unmask(PatronBlocksFragmentDoc, patron);
  const card = { patron: details, editing };
  return (
    <>
      <Actions head={head} blocks={blocks} />
      <div className="columns">
        <div>
          <Section id="identity" title={t`Name`} fields={fields.identity} {...card} />
          <Section id="contact" title={t`Contact`} fields={fields.contact} {...card} />
          <Section id="addresses" title={t`Addresses`} fields={fields.addresses} {...card}>
            <Addresses addresses={details.addresses} />
          </Section>
          <Section id="notes" title={t`Notes for staff`} fields={fields.notes} {...card}>
            {details.notes ? <p className="multiline">{details.notes}</p> : <p className="soft"><Trans>Nothing is recorded.</Trans></p>}
          </Section>
        </div>
        <div>
          <Blocks patron={blocks} />
          <Section id="library" title={t`Card and account`} fields={fields.library} {...card} />
          <Pin patronId={details.id} editing={editing} />
          <History patron={details} otherAccounts={patron.otherAccounts.map((one) => one.name)} />
        </div>
      </div>
    </>
  );
}

function Addresses({ addresses }: { addresses: PatronDetailsFragment['addresses'] }) {
  const { i18n } = useLingui();
  if (addresses.length === 0) return <p className="soft"><Trans>Nothing is recorded.</Trans></p>;
  return (
    <ul className="home-list">
      {addresses.map((home) => (
        <li key={home.id}><span className="soft">{i18n._(kindWords[home.kind])}</span><br />{lines(home)}</li>
      ))}
    </ul>
  );
}

/** What nobody edits: dates, old cards, where it came from. */
function History({ patron, otherAccounts }: { patron: PatronDetailsFragment; otherAccounts: readonly string[] }) {
  const { t } = useLingui();
  const oldCards = useMemo(() => patron.cards.filter((one) => !one.active), [patron.cards]);
  const facts = [
    { label: t`Registered`, text: day(patron.registeredAt) },
    { label: t({ message: 'Last used', context: 'account' }), text: patron.lastActivityAt ? moment(patron.lastActivityAt) : t`never` },
    { label: t`Status since`, text: day(patron.statusChangedAt) },
    { label: t`Imported as`, text: patron.externalId ?? '' },
    { label: t`Also a patron of`, text: otherAccounts.join(', ') },
  ].filter(({ text }) => text !== '');
  return (
    <section className="card" aria-labelledby="card-history">
      <header><h2 id="card-history"><Trans>History</Trans></h2></header>
      <dl className="facts">
        {facts.map(({ label, text }) => <div key={label}><dt>{label}</dt><dd>{text}</dd></div>)}
        {oldCards.length > 0 && (
          <div>
            <dt><Trans>Former cards</Trans></dt>
            <dd>
              {oldCards.map((one) => <div key={one.id}><span className="mono">{one.barcode}</span> <Chip><Trans>Inactive</Trans></Chip></div>)}
            </dd>
          </div>
        )}
      </dl>
    </section>
  );
}
