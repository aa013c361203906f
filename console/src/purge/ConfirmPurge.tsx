import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useRef, useState, type FormEvent } from 'react';
import { useQuery } from 'urql';
import { useAction } from '../graphql/action.ts';
import { PurgePatronsDocument, PurgePolicyDocument, type PurgePatronsInput, type PurgePatronsMutation } from '../graphql/generated/index.ts';
import { codeWords } from '../jobs/words.ts';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { Field } from '../ui/Field.tsx';
import { ProblemNotice } from '../ui/ProblemNotice.tsx';
import { Skeleton } from '../ui/Skeleton.tsx';
import { money, number } from '../words/format.ts';
import { isCount, TYPED_ABOVE } from './search.ts';

/** The tagged ones, or all inactive patrons that match a search. */
export type Whom = { patronIds: readonly string[] } | { search: string | null };
type Preview = Extract<PurgePatronsMutation['purgePatrons'], { __typename: 'PurgePreview' }>;

function input(whom: Whom): Pick<PurgePatronsInput, 'patronIds' | 'filter' | 'search'> {
  return 'patronIds' in whom ? { patronIds: [...whom.patronIds] } : { filter: {}, search: whom.search };
}

/** A dry run, what it would do, and, once that is confirmed, the purge itself. */
export function ConfirmPurge({ whom, onClose }: { whom: Whom; onClose(): void }) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const look = useAction(PurgePatronsDocument);
  const purge = useAction(PurgePatronsDocument);
  const [preview, setPreview] = useState<Preview>();
  const [typed, setTyped] = useState('');
  const [isMissing, setIsMissing] = useState(false);
  const isStarted = useRef(false);
  const runLook = look.run;

  useEffect(() => {
    void runLook({ ...input(whom), dryRun: true }).then((seen) => {
      if (seen?.__typename === 'PurgePreview') setPreview(seen);
    });
  }, [whom, runLook]);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (!preview || isStarted.current) return;
    if (preview.matched > TYPED_ABOVE && !isCount(typed, preview.matched)) {
      setIsMissing(true);
      return;
    }
    isStarted.current = true;
    const confirmed = 'patronIds' in whom ? {}
      : { confirmCount: preview.matched, confirmationToken: preview.confirmationToken };
    const done = await purge.run({ ...input(whom), ...confirmed, dryRun: false });
    isStarted.current = done !== undefined;
    if (done?.__typename === 'PurgePatronsSuccess') void navigate({ to: '/jobs/$id', params: { id: done.job.id } });
  }

  const count = preview?.matched ?? 0;
  return (
    <Dialog title={t`Purge these patrons?`} isOpen onClose={onClose} firm>
      <form className="answer" onSubmit={submit}>
        <ProblemNotice problem={look.problem} error={look.error} />
        {look.running && <Skeleton rows={3} />}
        {preview && (
          <>
            <p className="big"><Plural value={count} one="# patron is meant." other="# patrons are meant." /></p>
            <WhatHappens preview={preview} />
            {count > TYPED_ABOVE && (
              <Field label={t`Type the number of patrons to confirm: ${count}`} value={typed} onChange={setTyped} inputMode="numeric"
                     autoComplete="off" autoFocus
                     wrong={isMissing && !isCount(typed, count) ? t`This is not ${count}.` : undefined} />
            )}
          </>
        )}
        <ProblemNotice problem={purge.problem} error={purge.error} />
        <footer>
          <Button onPress={onClose} autoFocus={preview !== undefined && count <= TYPED_ABOVE}><Trans>Close</Trans></Button>
          {preview && (
            <Button type="submit" kind="danger" isPending={purge.running}>
              <Plural value={count} one="Purge # patron" other="Purge # patrons" />
            </Button>
          )}
        </footer>
      </form>
    </Dialog>
  );
}

function WhatHappens({ preview }: { preview: Preview }) {
  const { i18n } = useLingui();
  const [{ data }] = useQuery({ query: PurgePolicyDocument });
  const policy = data?.library;
  const left = preview.matched - preview.purgeable;
  return (
    <>
      <ul className="what">
        <li>
          {preview.graceDays === 0
            ? <Plural value={preview.purgeable} one="# is erased for good, at once. This cannot be undone."
                      other="# are erased for good, at once. This cannot be undone." />
            : <Plural value={preview.graceDays} one="They are erased for good after # day of grace; until then they can be restored."
                      other="They are erased for good after # days of grace; until then they can be restored." />}
        </li>
        {left > 0 && (
          <li>
            <Plural value={left} one="# is left alone, because something stands in the way:"
                    other="# are left alone, because something stands in the way:" />
            <ul>
              {preview.obstacles.map((one) => (
                <li key={one.code}>{codeWords[one.code] ? i18n._(codeWords[one.code]!) : one.code}: {number(one.patrons)}</li>
              ))}
            </ul>
          </li>
        )}
        {policy && (
          <li>
            {policy.retainDeletedPatronLoans
              ? <Trans>Kept: their finished loans, as statistics that name nobody.</Trans>
              : <Trans>Kept: nothing, not even statistics of their loans. Your library has it so.</Trans>}
          </li>
        )}
        {policy && Number(policy.purgeWaiveLimit) > 0 && (
          <li><Trans>Debts up to {money(policy.purgeWaiveLimit, policy.currency)} a patron are written off.</Trans></li>
        )}
      </ul>
      <p className="soft"><Trans>Each patron is looked at again when the turn comes.</Trans></p>
    </>
  );
}
