import { Trans, useLingui } from '@lingui/react/macro';
import { useCallback, useMemo, useState, type FormEvent, type ReactNode } from 'react';
import { useAction } from '../graphql/action.ts';
import {
  CreateStaffUserDocument, SetStaffActiveDocument, SetStaffPasswordDocument, UpdateStaffUserDocument,
  type RoleRowFragment, type StaffRowFragment,
} from '../graphql/generated/index.ts';
import { useViewer } from '../session/session.tsx';
import { Button } from '../ui/Button.tsx';
import { Chip } from '../ui/Chip.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { Field } from '../ui/Field.tsx';
import { ProblemNotice, wrongWith } from '../ui/ProblemNotice.tsx';
import { Table, type Column } from '../ui/Table.tsx';
import { toast } from '../ui/toast.tsx';
import { moment } from '../words/format.ts';
import { Checks } from './Checks.tsx';

type Asked = { what: 'new' } | { what: 'edit' | 'password'; row: StaffRowFragment };

/** Who may sign in. Disabling acts at once, for it can be taken back. */
export function Accounts({ staff, roles, again, children }: {
  staff: readonly StaffRowFragment[];
  roles: readonly RoleRowFragment[];
  again(): void;
  children: ReactNode;
}) {
  const { t } = useLingui();
  const [asked, setAsked] = useState<Asked>();
  const activity = useAction(SetStaffActiveDocument, { idempotent: false });
  const { run } = activity;
  const setActive = useCallback(
    async (row: StaffRowFragment, active: boolean) => {
      if (!(await run({ id: row.id, active }))) return;
      toast(active ? t`${row.displayName} may sign in.` : t`${row.displayName} can no longer sign in.`,
        () => void run({ id: row.id, active: !active }));
    },
    [run, t],
  );
  const columns = useAccountColumns(setAsked, setActive);
  const close = (changed: boolean) => {
    setAsked(undefined);
    if (changed) again();
  };
  return (
    <section className="stack" aria-labelledby="accounts">
      <header className="section-head">
        <h2 id="accounts"><Trans>Accounts</Trans></h2>
        <Button kind="primary" onPress={() => setAsked({ what: 'new' })}><Trans>New account</Trans></Button>
      </header>
      <ProblemNotice problem={activity.problem} error={activity.error} />
      <Table label={t`Accounts`} columns={columns} rows={staff} idOf={rowId} />
      {children}
      {asked?.what === 'new' && <NewAccount roles={roles} onClose={close} />}
      {asked?.what === 'edit' && <EditAccount row={asked.row} roles={roles} onClose={close} />}
      {asked?.what === 'password' && <NewPassword row={asked.row} onClose={close} />}
    </section>
  );
}

function rowId(row: StaffRowFragment): string {
  return row.id;
}

function useAccountColumns(
  ask: (asked: Asked) => void, setActive: (row: StaffRowFragment, active: boolean) => void,
): readonly Column<StaffRowFragment>[] {
  const { t, i18n } = useLingui();
  const me = useViewer().user.id;
  return useMemo(
    () => [
      { id: 'name', head: t`Name`, cell: (row) => <strong>{row.displayName}</strong> },
      { id: 'username', head: t`Username`, cell: (row) => row.username },
      { id: 'roles', head: t`Roles`, cell: (row) => row.roles.map((role) => role.name).join(', ') },
      {
        id: 'state',
        head: t`State`,
        cell: (row) => (!row.active ? <Chip><Trans>Disabled</Trans></Chip>
          : row.locked ? <Chip tone="warn"><Trans>Locked for the moment</Trans></Chip>
          : <Chip tone="good"><Trans>Active</Trans></Chip>),
      },
      { id: 'last', head: t`Last signed in`, cell: (row) => moment(row.lastSignedInAt) },
      {
        id: 'do',
        isAction: true,
        head: t`Change`,
        isNumber: true,
        cell: (row) => (
          <span className="row-actions">
            <Button kind="quiet" small aria-label={t`Edit ${row.username}`} onPress={() => ask({ what: 'edit', row })}><Trans>Edit</Trans></Button>
            {row.id !== me && (
              <>
                <Button kind="quiet" small aria-label={t`New password for ${row.username}`} onPress={() => ask({ what: 'password', row })}>
                  <Trans>New password</Trans>
                </Button>
                {row.active
                  ? <Button kind="quiet" small aria-label={t`Disable ${row.username}`} onPress={() => setActive(row, false)}><Trans>Disable</Trans></Button>
                  : <Button kind="quiet" small aria-label={t`Enable ${row.username}`} onPress={() => setActive(row, true)}><Trans>Enable</Trans></Button>}
              </>
            )}
          </span>
        ),
      },
    ],
    [t, i18n.locale, me, ask, setActive],
  );
}

function RoleChecks({ roles, chosen, onChange, wrong }: {
  roles: readonly RoleRowFragment[];
  chosen: readonly string[];
  onChange(chosen: string[]): void;
  wrong?: string | undefined;
}) {
  const { t } = useLingui();
  return <Checks legend={t`Roles`} options={roles.map(({ id, name }) => ({ id, label: name }))} chosen={chosen} onChange={onChange} wrong={wrong} />;
}

function NewAccount({ roles, onClose }: { roles: readonly RoleRowFragment[]; onClose(changed: boolean): void }) {
  const { t } = useLingui();
  const create = useAction(CreateStaffUserDocument, { idempotent: false });
  const [username, setUsername] = useState('');
  const [displayName, setDisplayName] = useState('');
  const [password, setPassword] = useState('');
  const [roleIds, setRoleIds] = useState<string[]>([]);

  async function save(event: FormEvent) {
    event.preventDefault();
    if (await create.run({ username, displayName: displayName || null, password, roleIds })) onClose(true);
  }

  return (
    <Dialog title={t`New account`} isOpen onClose={() => onClose(false)} firm>
      <form className="stack" onSubmit={save}>
        <ProblemNotice problem={create.problem} error={create.error} />
        <Field label={t`Username`} value={username} onChange={setUsername} isRequired autoFocus autoComplete="off" spellCheck="false"
               wrong={wrongWith(create.problem, 'username')} />
        <Field label={t`Name that colleagues see`} value={displayName} onChange={setDisplayName} autoComplete="off"
               wrong={wrongWith(create.problem, 'displayName')} />
        <PasswordField value={password} onChange={setPassword} wrong={wrongWith(create.problem, 'password')} />
        <RoleChecks roles={roles} chosen={roleIds} onChange={setRoleIds} wrong={wrongWith(create.problem, 'roles')} />
        <footer>
          <Button onPress={() => onClose(false)}><Trans>Cancel</Trans></Button>
          <Button type="submit" kind="primary" isPending={create.running}><Trans>Create</Trans></Button>
        </footer>
      </form>
    </Dialog>
  );
}

function PasswordField({ value, onChange, wrong, autoFocus = false }: {
  value: string;
  onChange(value: string): void;
  wrong: string | undefined;
  autoFocus?: boolean;
}) {
  const { t } = useLingui();
  return (
    <Field label={t`Password`} type="password" value={value} onChange={onChange} isRequired autoComplete="new-password" wrong={wrong}
           autoFocus={autoFocus} description={t`At least 8 characters, not the username and none that is guessed first.`} />
  );
}

function EditAccount({ row, roles, onClose }: {
  row: StaffRowFragment;
  roles: readonly RoleRowFragment[];
  onClose(changed: boolean): void;
}) {
  const { t } = useLingui();
  const update = useAction(UpdateStaffUserDocument, { idempotent: false });
  const [displayName, setDisplayName] = useState(row.displayName);
  const [roleIds, setRoleIds] = useState(row.roles.map((role) => role.id));

  async function save(event: FormEvent) {
    event.preventDefault();
    const done = await update.run({ id: row.id, displayName, roleIds });
    if (done) onClose(done.changed);
  }

  return (
    <Dialog title={t`Account ${row.username}`} isOpen onClose={() => onClose(false)} firm>
      <form className="stack" onSubmit={save}>
        <ProblemNotice problem={update.problem} error={update.error} />
        <Field label={t`Name that colleagues see`} value={displayName} onChange={setDisplayName} isRequired autoFocus
               wrong={wrongWith(update.problem, 'displayName')} />
        <RoleChecks roles={roles} chosen={roleIds} onChange={setRoleIds} wrong={wrongWith(update.problem, 'roleIds')} />
        <footer>
          <Button onPress={() => onClose(false)}><Trans>Cancel</Trans></Button>
          <Button type="submit" kind="primary" isPending={update.running}><Trans>Save</Trans></Button>
        </footer>
      </form>
    </Dialog>
  );
}

function NewPassword({ row, onClose }: { row: StaffRowFragment; onClose(changed: boolean): void }) {
  const { t } = useLingui();
  const reset = useAction(SetStaffPasswordDocument, { idempotent: false });
  const [password, setPassword] = useState('');

  async function save(event: FormEvent) {
    event.preventDefault();
    if (!(await reset.run({ id: row.id, password }))) return;
    toast(t`${row.displayName} has a new password.`);
    onClose(false);
  }

  return (
    <Dialog title={t`New password for ${row.username}`} isOpen onClose={() => onClose(false)} firm>
      <form className="stack" onSubmit={save}>
        <p className="soft"><Trans>It signs {row.displayName} out everywhere, and ends a lock after wrong passwords.</Trans></p>
        <ProblemNotice problem={reset.problem} error={reset.error} />
        <PasswordField value={password} onChange={setPassword} wrong={wrongWith(reset.problem, 'password')} autoFocus />
        <footer>
          <Button onPress={() => onClose(false)}><Trans>Cancel</Trans></Button>
          <Button type="submit" kind="primary" isPending={reset.running}><Trans>Save</Trans></Button>
        </footer>
      </form>
    </Dialog>
  );
}
