// What the address of the purge may say; anything else is dropped.
export const SIZES = [20, 50, 100, 200] as const;
export type Size = (typeof SIZES)[number];

export interface PurgeSearch {
  q?: string;
  size?: Size;
  after?: string;
}

export function purgeSearch(search: Record<string, unknown>): PurgeSearch {
  const text = (name: string) => (search[name] === undefined || search[name] === '' ? undefined : String(search[name]));
  return { q: text('q'), size: SIZES.find((one) => one === Number(search.size)), after: text('after') };
}

/** Above so many patrons, the number has to be typed. */
export const TYPED_ABOVE = 20;

/** Whether what was typed is the number, however the thousands are set apart. */
export function isCount(typed: string, count: number): boolean {
  return typed.replaceAll(/[\s.,'’]/g, '') === String(count);
}
