/** Whether a text says that number, with or without spaces, points or commas between thousands. */
export function isCount(typed: string, count: number): boolean {
  const digits = typed.replace(/[\s.,\u00A0\u202F]/g, '');
  return /^\d+$/.test(digits) && Number(digits) === count;
}
