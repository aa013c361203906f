import { Trans, useLingui } from '@lingui/react/macro';
import { useMemo, useState, type FormEvent } from 'react';
import { useAction } from '../graphql/action.ts';
import {
  CreateApiTokenDocument, RevokeApiTokenDocument, type Permission, type TokenRowFragment,
} from '../graphql/generated/index.ts';
import { Button } from '../ui/Button.tsx';
import { Chip } from '../ui/Chip.tsx';
import { Choice } from '../ui/Choice.tsx';
import { CopyButton } from '../ui/CopyButton.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';
import { Field } from '../ui/Field.tsx';
import { ProblemNotice, wrongWith } from '../ui/ProblemNotice.tsx';
import { Table, type Column } from '../ui/Table.tsx';
import { toast } from '../ui/toast.tsx';
import { day, moment } from '../words/format.ts';
import { PermissionChecks } from './Checks.tsx';
import { Allowed } from './Roles.tsx';
import { tokenStateWords } from './words.ts';

const DAY = 86_400_000;

/** What programs act with. A token is shown once; what is kept of it is not the token. */
export function Tokens({ tokens, again }: { tokens: readonly TokenRowFragment[]; again(): void }) {
  const { t, i18n } = useLingui();
  const [isNew, setIsNew] = useState(false);
  const [ending, setEnding] = useState<TokenRowFragment>();
  const columns = useMemo<readonly Column<TokenRowFragment>[]>(
    () => [
      { id: 'name', head: t`Name`, cell: (row) => <strong>{row.name}</strong> },
      { id: 'allows', head: t`What is allowed`, cell: (row) => <Allowed permissions={row.permissions} /> },
      {
        id: 'state',
        head: t`State`,
        cell: (row) => <Chip tone={row.state === 'ACTIVE' ? 'good' : 'plain'}>{i18n._(tokenStateWords[row.state])}</Chip>,
      },
      { id: 'made', head: t`Made`, cell: (row) => (row.createdBy ? `${day(row.createdAt)}, ${row.createdBy.displayName}` : day(row.createdAt)) },
      { id: 'ends', head: t`Ends`, cell: (row) => (row.expiresAt ? day(row.expiresAt) : t`Never`) },
      { id: 'used', head: t`Last used`, cell: (row) => moment(row.lastUsedAt) },
      {
        id: 'do',
        isAction: true,
        head: t`Change`,
        isNumber: true,
        cell: (row) => row.state === 'ACTIVE' && (
          <Button kind="quiet" small aria-label={t`Revoke ${row.name}…`} onPress={() => setEnding(row)}><Trans>Revoke…</Trans></Button>
        ),
      },
    ],
    [t, i18n, i18n.locale],
  );
  return (
    <section className="stack" aria-labelledby="tokens">
      <header className="section-head">
        <h2 id="tokens"><Trans>API tokens</Trans></h2>
        <Button onPress={() => setIsNew(true)}><Trans>New token</Trans></Button>
      </header>
      {tokens.length === 0
        ? <EmptyState title={t`There are no API tokens.`}><Trans>A reporting tool or another program acts with one.</Trans></EmptyState>
        : <Table label={t`API tokens`} columns={columns} rows={tokens} idOf={rowId} />}
      {isNew && <NewToken onClose={(changed) => { setIsNew(false); if (changed) again(); }} />}
      {ending && <RevokeToken row={ending} onClose={() => setEnding(undefined)} />}
    </section>
  );
}

function rowId(row: TokenRowFragment): string {
  return row.id;
}

function NewToken({ onClose }: { onClose(changed: boolean): void }) {
  const { t } = useLingui();
  const create = useAction(CreateApiTokenDocument, { idempotent: false });
  const [name, setName] = useState('');
  const [days, setDays] = useState('365');
  const [permissions, setPermissions] = useState<Permission[]>([]);
  const [token, setToken] = useState<string>();

  async function save(event: FormEvent) {
    event.preventDefault();
    const expiresAt = days ? new Date(Date.now() + Number(days) * DAY).toISOString() : null;
    const done = await create.run({ name, permissions, expiresAt });
    if (done) setToken(done.token);
  }

  if (token) return <ShownOnce name={name} token={token} onClose={() => onClose(true)} />;
  return (
    <Dialog title={t`New API token`} isOpen onClose={() => onClose(false)} firm>
      <form className="stack" onSubmit={save}>
        <ProblemNotice problem={create.problem} error={create.error} />
        <Field label={t`What it is for`} value={name} onChange={setName} isRequired autoFocus wrong={wrongWith(create.problem, 'name')} />
        <Choice label={t`Ends`} value={days} onChange={setDays} wrong={wrongWith(create.problem, 'expiresAt')}
                options={[{ id: '30', label: t`In 30 days` }, { id: '90', label: t`In 90 days` }, { id: '365', label: t`In a year` },
                  { id: '', label: t`Never` }]} />
        <PermissionChecks chosen={permissions} onChange={setPermissions} wrong={wrongWith(create.problem, 'permissions')} />
        <footer>
          <Button onPress={() => onClose(false)}><Trans>Cancel</Trans></Button>
          <Button type="submit" kind="primary" isPending={create.running}><Trans>Create</Trans></Button>
        </footer>
      </form>
    </Dialog>
  );
}

function ShownOnce({ name, token, onClose }: { name: string; token: string; onClose(): void }) {
  const { t } = useLingui();
  return (
    <Dialog title={t`The token of ${name}`} isOpen onClose={onClose} firm>
      <p className="notice warn"><Trans>Keep it now: it is not shown again, and nobody can look it up.</Trans></p>
      <Field label={t`Token`} value={token} isReadOnly autoFocus />
      <footer>
        <CopyButton kind="primary" text={token} said={t`The token was copied.`} />
        <Button onPress={onClose}><Trans>Done</Trans></Button>
      </footer>
    </Dialog>
  );
}

function RevokeToken({ row, onClose }: { row: TokenRowFragment; onClose(): void }) {
  const { t } = useLingui();
  const revoke = useAction(RevokeApiTokenDocument, { idempotent: false });
  async function end() {
    if (!(await revoke.run({ id: row.id }))) return;
    toast(t`${row.name} was revoked.`);
    onClose();
  }
  return (
    <Dialog title={t`Revoke ${row.name}?`} isOpen onClose={onClose} firm>
      <p><Trans>Whatever uses it is refused from now on. This cannot be taken back.</Trans></p>
      <ProblemNotice problem={revoke.problem} error={revoke.error} />
      <footer>
        <Button onPress={onClose}><Trans>Cancel</Trans></Button>
        <Button kind="danger" onPress={end} isPending={revoke.running}><Trans>Revoke</Trans></Button>
      </footer>
    </Dialog>
  );
}
