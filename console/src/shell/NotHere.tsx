import { Trans, useLingui } from '@lingui/react/macro';
import { Link } from '@tanstack/react-router';
import type { Permission } from '../graphql/generated/index.ts';
import { EmptyState } from '../ui/EmptyState.tsx';
import { Page } from '../ui/Page.tsx';

/** An address that leads nowhere. */
export function NotHere() {
  const { t } = useLingui();
  return (
    <Page title={t`Nothing is here`}>
      <EmptyState title={t`This address leads to no page.`}><Link to="/"><Trans>To the start</Trans></Link></EmptyState>
    </Page>
  );
}

/** A page that the viewer may not see: says which permission it takes. */
export function NotAllowed({ permission }: { permission: Permission }) {
  const { t } = useLingui();
  return (
    <Page title={t`You may not see this page`}>
      <EmptyState title={t`It takes a permission that you do not have.`}>
        <Trans>Ask whoever manages the staff of your library for <code>{permission}</code>.</Trans>
      </EmptyState>
    </Page>
  );
}
