// What must hold before a commit: types, catalogues in step with the sources and complete, pure logic.
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const lingui = 'node_modules/@lingui/cli/dist/lingui.js';
const steps = [
  ['scripts/documents.mjs'],
  ['node_modules/typescript/bin/tsc', '--project', '.'],
  [lingui, 'check', 'sync'],
  [lingui, 'check', 'missing'],
  ['--test', '--test-reporter=dot', ...globSync('tests/*.test.ts', { cwd: root })],
];
for (const step of steps) {
  const done = spawnSync(process.execPath, step, { cwd: root, encoding: 'utf8' });
  if (done.status !== 0) {
    console.error(`${step.join(' ')}\n${done.stdout}${done.stderr}`);
    if (step[0] === lingui) console.error('Run `lingui extract --clean` in console/ and fill in sv.po (console/README.md).');
    process.exit(1);
  }
}
console.log('The console: types, words and logic are right.');
