import { useNavigate, useRouter } from '@tanstack/react-router';
import { useCallback } from 'react';
import { useMay } from '../session/session.tsx';

const NEW_PATRON = '/patrons/new';

/** Returns what opens the form of a new patron with what a relative has; undefined for who may not register one. */
export function useClone(): ((patronId: string) => void) | undefined {
  const mayCreate = useMay('PATRONS_CREATE');
  const mayManage = useMay('GROUPS_MANAGE');
  const isThere = NEW_PATRON in useRouter().routesByPath;
  const navigate = useNavigate();
  const clone = useCallback(
    (patronId: string) => void navigate({ href: `${NEW_PATRON}?cloneFrom=${encodeURIComponent(patronId)}` }),
    [navigate],
  );
  return mayCreate && mayManage && isThere ? clone : undefined;
}
