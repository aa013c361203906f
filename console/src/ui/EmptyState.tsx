import type { ReactNode } from 'react';

/** Nothing to show: says so, and what would make it otherwise. */
export function EmptyState({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <strong>{title}</strong>
      {children && <p className="soft">{children}</p>}
    </div>
  );
}
