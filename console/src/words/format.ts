// Numbers, sums and moments as the viewer's language writes them. Amounts come as decimal strings.
import { i18n } from '@lingui/core';

export function number(value: number, digits = 0): string {
  return new Intl.NumberFormat(i18n.locale, { maximumFractionDigits: digits }).format(value);
}

export function money(amount: string, currency: string): string {
  return new Intl.NumberFormat(i18n.locale, { style: 'currency', currency }).format(amount as Intl.StringNumericLiteral);
}

export function day(iso: string | null | undefined): string {
  if (!iso) return '';
  const moment = iso.length === 10 ? new Date(`${iso}T00:00:00`) : new Date(iso);
  return new Intl.DateTimeFormat(i18n.locale, { dateStyle: 'medium' }).format(moment);
}

export function moment(iso: string | null | undefined): string {
  if (!iso) return '';
  return new Intl.DateTimeFormat(i18n.locale, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(iso));
}

/** Seconds as people say them: 45 s, 3 min, 1 h 5 min. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
