import { Trans } from '@lingui/react/macro';
import { Button } from './Button.tsx';

/** Moves through a list by cursors; the browser's Back is the way to the former page. */
export function Pager({ hasNext, onNext, isFirst, onFirst, children }: {
  hasNext: boolean;
  onNext(): void;
  isFirst: boolean;
  onFirst(): void;
  children?: React.ReactNode;
}) {
  return (
    <div className="pager no-print">
      <span className="soft">{children}</span>
      <Button small onPress={onFirst} isDisabled={isFirst}><Trans>First page</Trans></Button>
      <Button small onPress={onNext} isDisabled={!hasNext}><Trans>Next page</Trans></Button>
    </div>
  );
}
