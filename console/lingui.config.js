// Each folder of src/ that has words has its own catalogues, src/<folder>/locales/{en,sv}.po, so that two pages never
// meet in one file.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { formatter } from '@lingui/format-po';

const WORDLESS = ['graphql', 'explorer'];
const folders = readdirSync(join(import.meta.dirname, 'src'), { withFileTypes: true })
  .filter((one) => one.isDirectory() && !WORDLESS.includes(one.name))
  .map((one) => `<rootDir>/src/${one.name}`);

export default {
  locales: ['en', 'sv'],
  sourceLocale: 'en',
  catalogs: folders.map((folder) => ({ path: `${folder}/locales/{locale}`, include: [folder] })),
  format: formatter({ lineNumbers: false }),
  orderBy: 'message',
};
