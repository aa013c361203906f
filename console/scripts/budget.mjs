// The console's JavaScript, all pages together and without the explorer, stays under the budget.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const BUDGET = 220_000; // bytes, gzip
const assets = join(import.meta.dirname, '../../src/patrongraph/console_assets');
const manifest = JSON.parse(readFileSync(join(assets, 'manifest.json'), 'utf8'));

function reach(name, seen = new Set()) {
  if (seen.has(name)) return seen;
  seen.add(name);
  const chunk = manifest[name];
  for (const next of [...(chunk.imports ?? []), ...(chunk.dynamicImports ?? [])]) reach(next, seen);
  return seen;
}

const files = new Set([...reach('index.html')].map((name) => manifest[name].file).filter((file) => file.endsWith('.js')));
let bytes = 0;
for (const file of files) bytes += gzipSync(readFileSync(join(assets, file)), { level: 9 }).length;
console.log(`The console's JavaScript: ${files.size} files, ${Math.round(bytes / 1000)} kB gzip of ${BUDGET / 1000} kB.`);
if (bytes > BUDGET) {
  console.error('That is over the budget: leave something out, or load less of a library.');
  process.exit(1);
}
