// What was just done, with Undo where it can be taken back.
import { Trans, useLingui } from '@lingui/react/macro';
import {
  Button, Text, UNSTABLE_Toast as ToastBase, UNSTABLE_ToastContent as ToastContent, UNSTABLE_ToastQueue as ToastQueue,
  UNSTABLE_ToastRegion as ToastRegion,
} from 'react-aria-components';

interface Said {
  text: string;
  undo?: (() => void) | undefined;
}

const SECONDS = 8;
const queue = new ToastQueue<Said>({ maxVisibleToasts: 3 });

/** Says it for 8 s; with an Undo it stays until it is closed or undone. */
export function toast(text: string, undo?: () => void): void {
  queue.add({ text, undo }, undo ? {} : { timeout: SECONDS * 1000 });
}

export function Toasts() {
  const { t } = useLingui();
  return (
    <ToastRegion queue={queue} className="toasts" aria-label={t`What was done`}>
      {({ toast: said }) => (
        <ToastBase toast={said} className="toast">
          <ToastContent><Text slot="title">{said.content.text}</Text></ToastContent>
          {said.content.undo && (
            <Button className="button quiet small" onPress={() => { said.content.undo?.(); queue.close(said.key); }}>
              <Trans>Undo</Trans>
            </Button>
          )}
          <Button slot="close" className="button quiet small" aria-label={t`Close`}>✕</Button>
        </ToastBase>
      )}
    </ToastRegion>
  );
}
