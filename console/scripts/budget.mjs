// What a browser loads to show any one page, in either language and without the explorer, stays under the budget; and
// all of it under a bound of its own, so that pages do not grow by going around what they share.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const BUDGET = 220_000; // bytes, gzip
const ALL = 300_000; // every page, in both languages
const assets = join(import.meta.dirname, '../../src/patrongraph/console_assets');
const manifest = JSON.parse(readFileSync(join(assets, 'manifest.json'), 'utf8'));

/** What is loaded with these chunks: they and all that they import at once. */
function loaded(names, seen = new Set()) {
  for (const name of names) {
    if (seen.has(name)) continue;
    seen.add(name);
    loaded(manifest[name].imports ?? [], seen);
  }
  return seen;
}

function size(names) {
  const files = new Set([...names].map((name) => manifest[name].file).filter((file) => file.endsWith('.js')));
  return [...files].reduce((sum, file) => sum + gzipSync(readFileSync(join(assets, file)), { level: 9 }).length, 0);
}

const kilo = (bytes) => Math.round(bytes / 1000);
const late = Object.keys(manifest).filter((name) => manifest[name].isDynamicEntry && name.startsWith('src/'));
const languages = late.filter((name) => name.startsWith('src/words/'));
const pages = late.filter((name) => !languages.includes(name));
const frame = ['index.html', 'src/patron/Patron.tsx']; // a patron's tabs are loaded with the page around them
const views = languages.flatMap((language) =>
  pages.map((page) => ({ page, bytes: size(loaded([...frame, language, page])) })));
const most = views.reduce((one, other) => (other.bytes > one.bytes ? other : one));
const all = size(loaded([...frame, ...late]));
console.log(`The console's JavaScript: at most ${kilo(most.bytes)} kB gzip of ${BUDGET / 1000} kB for one page (${most.page}); `
  + `${pages.length} pages in ${languages.length} languages are ${kilo(all)} kB of ${ALL / 1000} kB.`);
if (languages.length < 2 || most.bytes > BUDGET || all > ALL) {
  console.error('That is over the budget: leave something out, or load less of a library.');
  process.exit(1);
}
