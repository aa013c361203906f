// A barcode scanner is a very fast keyboard that ends with Enter.

/** Milliseconds a key, over the whole scan; people take twice that. A single hitch in between is no matter. */
const FAST = 50;
/** A pause after which what is typed is something new. Shorter ones never cut a barcode in two. */
const PAUSE = 500;
const SHORTEST = 5;

/** Tells a scan from typing, key by key. */
export class Scan {
  #text = '';
  #first = 0;
  #last = -Infinity;

  /** Returns the scanned text when `key` is the Enter that ends a scan. `at` is in milliseconds. */
  push(key: string, at: number): string | undefined {
    if (key !== 'Enter' && key.length !== 1) return undefined;
    if (at - this.#last > PAUSE) this.#text = '';
    if (this.#text === '') this.#first = at;
    this.#last = at;
    if (key !== 'Enter') {
      this.#text += key;
      return undefined;
    }
    const text = this.#text;
    this.#text = '';
    return text.length >= SHORTEST && at - this.#first <= FAST * text.length ? text : undefined;
  }
}

/** Whether a text may be a barcode: one word with a digit, and no address. */
export function mayBeBarcode(text: string): boolean {
  return /^[^\s@,]*\d[^\s@,]*$/.test(text);
}
