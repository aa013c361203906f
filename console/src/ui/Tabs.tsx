import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';

export interface TabLink {
  to: string;
  params?: Record<string, string>;
  label: ReactNode;
  count?: number | undefined;
}

/** Tabs that are links: each is a route of its own, so it can be opened, shared and gone back to. */
export function TabLinks({ label, tabs }: { label: string; tabs: readonly TabLink[] }) {
  return (
    <nav className="tabs no-print" aria-label={label}>
      {tabs.map((tab) => (
        <Link key={tab.to} to={tab.to} params={(tab.params ?? {}) as never} className="tab"
              activeProps={{ 'aria-current': 'page' }}>
          {tab.label}
          {tab.count !== undefined && <span className="count">{tab.count}</span>}
        </Link>
      ))}
    </nav>
  );
}
