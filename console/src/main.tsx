import './ui/tokens.css';
import './ui/ui.css';
import { i18n } from '@lingui/core';
import { I18nProvider } from '@lingui/react';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode, useEffect, useState, type ReactNode } from 'react';
import { I18nProvider as AriaLocale } from 'react-aria-components';
import { createRoot } from 'react-dom/client';
import { router } from './routes.tsx';
import { SessionProvider } from './session/session.tsx';
import { applyScheme, storedScheme } from './shell/scheme.ts';
import { preferredLanguage, speak } from './words/language.ts';

function Languages({ children }: { children: ReactNode }) {
  const [locale, setLocale] = useState(i18n.locale);
  useEffect(() => i18n.on('change', () => setLocale(i18n.locale)), []);
  return (
    <I18nProvider i18n={i18n}>
      <AriaLocale locale={locale === 'sv' ? 'sv-SE' : 'en-GB'}>{children}</AriaLocale>
    </I18nProvider>
  );
}

applyScheme(storedScheme());
await speak(preferredLanguage());
createRoot(document.getElementById('console')!).render(
  <StrictMode>
    <Languages>
      <SessionProvider>
        <RouterProvider router={router} />
      </SessionProvider>
    </Languages>
  </StrictMode>,
);
