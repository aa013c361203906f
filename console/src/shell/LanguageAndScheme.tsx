import { Trans, useLingui } from '@lingui/react/macro';
import { Button } from '../ui/Button.tsx';
import { choose, LANGUAGES, type Language } from '../words/language.ts';
import { nextScheme, useScheme } from './scheme.ts';

/** The two choices of a device: the language, and light or dark. */
export function LanguageAndScheme() {
  const { i18n } = useLingui();
  const [scheme, setScheme] = useScheme();
  const other: Language = i18n.locale === 'sv' ? 'en' : 'sv';
  return (
    <div className="choices no-print">
      <Button kind="quiet" small onPress={() => void choose(other)}>
        <span lang={other}>{LANGUAGES[other]}</span>
      </Button>
      <Button kind="quiet" small onPress={() => setScheme(nextScheme(scheme))}>
        {scheme === 'light' ? <Trans>Light</Trans> : scheme === 'dark' ? <Trans>Dark</Trans> : <Trans>Light or dark by itself</Trans>}
      </Button>
    </div>
  );
}
