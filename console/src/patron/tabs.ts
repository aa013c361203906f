// The tabs of a patron's page, in the order of the desk's use. A tab is offered when its route is there.
import type { MessageDescriptor } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import { useLingui } from '@lingui/react/macro';
import { useRouter } from '@tanstack/react-router';
import type { Permission } from '../graphql/generated/index.ts';
import { useSession } from '../session/session.tsx';
import type { TabLink } from '../ui/Tabs.tsx';

export type PatronTab = 'data' | 'loans' | 'reservations' | 'debts' | 'group' | 'activity';

const TABS: readonly { id: PatronTab; label: MessageDescriptor; permission?: Permission }[] = [
  { id: 'data', label: msg`Patron data` },
  { id: 'loans', label: msg`Loans` },
  { id: 'reservations', label: msg`Reservations` },
  { id: 'debts', label: msg`Debts` },
  { id: 'group', label: msg`Group` },
  { id: 'activity', label: msg`Activity`, permission: 'AUDIT_VIEW' },
];

function addressOf(tab: PatronTab): string {
  return `/patrons/$id/${tab}`;
}

/** The tabs that the viewer may see, with their counts. */
export function usePatronTabs(id: string, counts: Partial<Record<PatronTab, number>>): TabLink[] {
  const { i18n } = useLingui();
  const { viewer } = useSession();
  const hasTab = useHasTab();
  return TABS.filter((tab) => hasTab(tab.id) && (!tab.permission || viewer?.permissions.includes(tab.permission)))
    .map((tab) => ({ to: addressOf(tab.id), params: { id }, label: i18n._(tab.label), count: counts[tab.id] }));
}

/** Tells whether there is such a tab, before a link leads to it. */
export function useHasTab(): (tab: PatronTab) => boolean {
  const router = useRouter();
  return (tab) => addressOf(tab) in router.routesByPath;
}
