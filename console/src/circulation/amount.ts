// Sums as people type them and as the API has them. Never a float: a decimal string, and whole hundredths in between.

/** '12', '12,5' or '1 234.50' as '12.00', '12.50', '1234.50'; undefined for anything else, and for nothing at all. */
export function amountOf(text: string): string | undefined {
  const found = /^(\d{1,10})(?:[.,](\d{1,2}))?$/.exec(text.replaceAll(/\s/gu, ''));
  if (!found) return undefined;
  const amount = decimal(BigInt(found[1] ?? '0') * 100n + BigInt((found[2] ?? '').padEnd(2, '0')));
  return amount === '0.00' ? undefined : amount;
}

function hundredths(amount: string): bigint {
  const [whole = '0', part = ''] = amount.replace('-', '').split('.');
  const value = BigInt(whole) * 100n + BigInt(part.padEnd(2, '0').slice(0, 2));
  return amount.startsWith('-') ? -value : value;
}

function decimal(value: bigint): string {
  const size = value < 0n ? -value : value;
  return `${value < 0n ? '-' : ''}${size / 100n}.${String(size % 100n).padStart(2, '0')}`;
}

/** What is left of `amount` when `part` is taken away. */
export function less(amount: string, part: string): string {
  return decimal(hundredths(amount) - hundredths(part));
}

export function isPositive(amount: string): boolean {
  return hundredths(amount) > 0n;
}

export function isAtLeast(amount: string, other: string): boolean {
  return hundredths(amount) >= hundredths(other);
}
