import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { JobKind } from '../graphql/generated/index.ts';
import { useMay } from '../session/session.tsx';

/** A job by a name, which leads to its page; an import's, for who may import, to what became of its rows. */
export function JobLink({ id, kind, children }: { id: string; kind?: JobKind; children: ReactNode }) {
  const maySee = useMay('PATRONS_VIEW');
  const mayImport = useMay('PATRONS_IMPORT');
  if (kind === 'IMPORT' && mayImport) return <Link to="/imports/$id" params={{ id }}>{children}</Link>;
  return maySee ? <Link to="/jobs/$id" params={{ id }}>{children}</Link> : <>{children}</>;
}
