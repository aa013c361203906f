import { Trans, useLingui } from '@lingui/react/macro';
import { Button, type ButtonKind } from './Button.tsx';
import { toast } from './toast.tsx';

/** Puts a text into the clipboard and says `said`; without a clipboard, as over plain HTTP, it asks to copy by hand. */
export function CopyButton({ text, said, label, kind, small = false }: {
  text: string;
  said: string;
  /** What is copied, for those who hear the button alone. */
  label?: string;
  kind?: ButtonKind;
  small?: boolean;
}) {
  const { t } = useLingui();
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      toast(said);
    } catch {
      toast(t`The browser does not let this page copy. Mark the text and copy it yourself.`);
    }
  }
  return <Button kind={kind ?? 'plain'} small={small} aria-label={label} onPress={() => void copy()}><Trans>Copy</Trans></Button>;
}
