import { number } from '../words/format.ts';

const UNITS = ['kB', 'MB', 'GB', 'TB'] as const;

/** A file's size as people say it: 0.4 kB, 12.5 kB, 1.2 GB. */
export function fileSize(bytes: number): string {
  let size = bytes / 1_000;
  let unit = 0;
  while (size >= 1_000 && unit < UNITS.length - 1) {
    size /= 1_000;
    unit += 1;
  }
  return `${number(size, 1)} ${UNITS[unit]}`;
}
