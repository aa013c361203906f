import { useLingui } from '@lingui/react/macro';
import { Button } from '../ui/Button.tsx';
import { choose, LANGUAGES, type Language } from '../words/language.ts';
import { nextScheme, useScheme } from './scheme.ts';

/** The two choices of a device: the language, and light or dark. */
export function LanguageAndScheme() {
  const { t, i18n } = useLingui();
  const [scheme, setScheme] = useScheme();
  const other: Language = i18n.locale === 'sv' ? 'en' : 'sv';
  const said = { auto: t`Colours: as the device`, light: t`Colours: light`, dark: t`Colours: dark` };
  return (
    <div className="choices no-print">
      <Button kind="quiet" small onPress={() => void choose(other)}>
        <span lang={other}>{LANGUAGES[other]}</span>
      </Button>
      <Button kind="quiet" small aria-label={said[scheme]} onPress={() => setScheme(nextScheme(scheme))}>
        <span aria-hidden="true" className={`scheme ${scheme}`} />
      </Button>
    </div>
  );
}
