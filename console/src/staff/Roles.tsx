import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { useMemo, useState, type FormEvent } from 'react';
import { useAction } from '../graphql/action.ts';
import { CreateRoleDocument, UpdateRoleDocument, type Permission, type RoleRowFragment } from '../graphql/generated/index.ts';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';
import { Field } from '../ui/Field.tsx';
import { ProblemNotice, wrongWith } from '../ui/ProblemNotice.tsx';
import { Table, type Column } from '../ui/Table.tsx';
import { PermissionChecks } from './Checks.tsx';
import { PERMISSIONS, permissionWords } from './words.ts';

/** Named sets of permissions; whoever has one may do what it allows at once. */
export function Roles({ roles, again }: { roles: readonly RoleRowFragment[]; again(): void }) {
  const { t, i18n } = useLingui();
  const [edited, setEdited] = useState<RoleRowFragment | 'new'>();
  const columns = useMemo<readonly Column<RoleRowFragment>[]>(
    () => [
      { id: 'name', head: t`Name`, cell: (row) => <strong>{row.name}</strong> },
      { id: 'allows', head: t`What is allowed`, cell: (row) => <Allowed permissions={row.permissions} /> },
      {
        id: 'do',
        isAction: true,
        head: t`Change`,
        isNumber: true,
        cell: (row) => <Button kind="quiet" small aria-label={t`Edit ${row.name}`} onPress={() => setEdited(row)}><Trans>Edit</Trans></Button>,
      },
    ],
    [t, i18n.locale],
  );
  return (
    <section className="stack" aria-labelledby="roles">
      <header className="section-head">
        <h2 id="roles"><Trans>Roles</Trans></h2>
        <Button onPress={() => setEdited('new')}><Trans>New role</Trans></Button>
      </header>
      {roles.length === 0
        ? <EmptyState title={t`There are no roles yet.`}><Trans>A role is what an account needs to do anything.</Trans></EmptyState>
        : <Table label={t`Roles`} columns={columns} rows={roles} idOf={rowId} />}
      {edited && (
        <RoleDialog role={edited === 'new' ? undefined : edited}
                    onClose={(changed) => { setEdited(undefined); if (changed) again(); }} />
      )}
    </section>
  );
}

function rowId(row: RoleRowFragment): string {
  return row.id;
}

/** What is allowed, in words; everything in one word. */
export function Allowed({ permissions }: { permissions: readonly Permission[] }) {
  const { i18n } = useLingui();
  if (permissions.length === PERMISSIONS.length) return <Trans>Everything</Trans>;
  const [first, second, third, ...more] = permissions.map((one) => i18n._(permissionWords[one]));
  return (
    <span>
      {[first, second, third].filter(Boolean).join(', ')}
      {more.length > 0 && <span className="soft" title={more.join(', ')}>{' '}<Plural value={more.length} one="and # more" other="and # more" /></span>}
    </span>
  );
}

function RoleDialog({ role, onClose }: { role: RoleRowFragment | undefined; onClose(changed: boolean): void }) {
  const { t } = useLingui();
  const create = useAction(CreateRoleDocument, { idempotent: false });
  const update = useAction(UpdateRoleDocument, { idempotent: false });
  const [name, setName] = useState(role?.name ?? '');
  const [permissions, setPermissions] = useState<Permission[]>([...(role?.permissions ?? [])]);
  const action = role ? update : create;

  async function save(event: FormEvent) {
    event.preventDefault();
    const done = role ? await update.run({ id: role.id, name, permissions }) : await create.run({ name, permissions });
    if (done) onClose(done.changed);
  }

  return (
    <Dialog title={role ? t`Role ${role.name}` : t`New role`} isOpen onClose={() => onClose(false)} firm>
      <form className="stack" onSubmit={save}>
        <ProblemNotice problem={action.problem} error={action.error} />
        <Field label={t`Name`} value={name} onChange={setName} isRequired autoFocus wrong={wrongWith(action.problem, 'name')} />
        <PermissionChecks chosen={permissions} onChange={setPermissions} wrong={wrongWith(action.problem, 'permissions')} />
        <footer>
          <Button onPress={() => onClose(false)}><Trans>Cancel</Trans></Button>
          <Button type="submit" kind="primary" isPending={action.running}><Trans>Save</Trans></Button>
        </footer>
      </form>
    </Dialog>
  );
}
