// A barcode scanner is a very fast keyboard that ends with Enter.

/** Most milliseconds between two keys of a scanner; people are slower. */
const FAST = 40;
const SHORTEST = 5;

/** Tells a scan from typing, key by key. */
export class Scan {
  #text = '';
  #last = -Infinity;

  /** Returns the scanned text when `key` is the Enter that ends a scan. `at` is in milliseconds. */
  push(key: string, at: number): string | undefined {
    const isFast = at - this.#last <= FAST;
    this.#last = at;
    if (key === 'Enter') {
      const text = this.#text;
      this.#text = '';
      return isFast && text.length >= SHORTEST ? text : undefined;
    }
    if (key.length === 1) this.#text = isFast ? this.#text + key : key;
    return undefined;
  }
}

/** Whether a text may be a barcode: one word with a digit, and no address. */
export function mayBeBarcode(text: string): boolean {
  return /^[^\s@,]*\d[^\s@,]*$/.test(text);
}
