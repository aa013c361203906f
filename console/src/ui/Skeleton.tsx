import { useLingui } from '@lingui/react/macro';

/** Rows that stand where the answer will be. */
export function Skeleton({ rows = 6 }: { rows?: number }) {
  const { t } = useLingui();
  return (
    <div className="skeleton" role="status" aria-label={t`Loading`}>
      {Array.from({ length: rows }, (_, at) => <i key={at} />)}
    </div>
  );
}
