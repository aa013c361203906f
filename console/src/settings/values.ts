// What somebody typed, as the API takes it; undefined for what is none.

export function wholeNumber(typed: string): number | undefined {
  const text = typed.trim();
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** An amount with a comma or a point, such as 12,50, as the decimal 12.50. */
export function amount(typed: string): string | undefined {
  const text = typed.replace(/[\s\u00A0\u202F]/g, '').replace(',', '.');
  return /^\d{1,10}(\.\d{1,2})?$/.test(text) ? text : undefined;
}
