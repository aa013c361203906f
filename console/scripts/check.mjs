// What must hold before a commit: types, catalogues in step with the sources and complete, pure logic.
import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '..');
const lingui = 'node_modules/@lingui/cli/dist/lingui.js';
const run = promisify(execFile);

async function node(...step) {
  try {
    await run(process.execPath, step, { cwd: root, maxBuffer: 2 ** 26 });
  } catch ({ stdout, stderr }) {
    const help = step[0] === lingui ? 'Run `lingui extract --clean` in console/ and fill in sv.po (console/README.md).\n' : '';
    throw new Error(`${step.join(' ')}\n${stdout}${stderr}${help}`);
  }
}

async function words() {
  await node(lingui, 'check', 'sync');
  await node(lingui, 'check', 'missing');
}

try {
  await node('scripts/documents.mjs');
  await Promise.all([
    node('node_modules/typescript/bin/tsc', '--project', '.'),
    words(),
    node('--test', '--test-reporter=dot', ...globSync('tests/*.test.ts', { cwd: root })),
  ]);
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
console.log('The console: types, words and logic are right.');
