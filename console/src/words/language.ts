// Which language the console speaks: what the viewer chose on this device, else the browser's, else English.
import { i18n, type Messages } from '@lingui/core';

export const LANGUAGES = { en: 'English', sv: 'Svenska' } as const;
export type Language = keyof typeof LANGUAGES;

const STORED = 'patrongraph.language';
const loaders: Record<Language, () => Promise<{ messages: Messages }>> = {
  en: () => import('./en.ts'),
  sv: () => import('./sv.ts'),
};

export function preferredLanguage(): Language {
  const wanted = [localStorage.getItem(STORED) ?? '', ...navigator.languages].map((one) => one.slice(0, 2));
  return wanted.find((one): one is Language => one in LANGUAGES) ?? 'en';
}

export async function speak(language: Language): Promise<void> {
  const { messages } = await loaders[language]();
  i18n.loadAndActivate({ locale: language, messages });
  document.documentElement.lang = language;
}

export async function choose(language: Language): Promise<void> {
  localStorage.setItem(STORED, language);
  await speak(language);
}
