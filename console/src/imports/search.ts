// What the address of an import's report may say, and what the first line of a file tells of it.
export interface ImportSearch {
  after?: string;
}

export function importSearch(search: Record<string, unknown>): ImportSearch {
  return typeof search.after === 'string' && search.after !== '' ? { after: search.after } : {};
}

const DELIMITERS = [',', ';', '\t', '|'];

/** The columns that the first line of a CSV file names, each once. */
export function columnsOf(text: string): readonly string[] {
  const line = text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/, 1)[0] ?? '';
  const bare = line.replaceAll(/"[^"]*"/g, '');
  const delimiter = DELIMITERS.reduce((best, one) => (times(bare, one) > times(bare, best) ? one : best));
  const cells = [''];
  let isQuoted = false;
  for (const sign of line) {
    if (sign === '"') isQuoted = !isQuoted;
    else if (sign === delimiter && !isQuoted) cells.push('');
    else cells[cells.length - 1] += sign;
  }
  return [...new Set(cells.map((cell) => cell.trim()).filter((cell) => cell !== ''))];
}

function times(text: string, sign: string): number {
  return text.split(sign).length - 1;
}
