// Makes src/graphql/generated/ from ../schema.graphql and every src/**/*.graphql: types, documents, the list that a
// server may be told to run nothing but (PATRONGRAPH_DOCUMENTS), and what graphcache needs to know of the schema.
import { createHash } from 'node:crypto';
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { codegen } from '@graphql-codegen/core';
import { preset } from '@graphql-codegen/client-preset';
import { createRequest, formatDocument, gql, stringifyDocument } from '@urql/core';
import {
  buildSchema, isAbstractType, isObjectType, Kind, parse, print, stripIgnoredCharacters, validate, visit,
} from 'graphql';

const root = join(import.meta.dirname, '..');
const out = 'src/graphql/generated/';
const sdl = readFileSync(join(root, '../schema.graphql'), 'utf8');
const schemaAst = buildSchema(sdl);

// Asked for by name, for urql hides what a document did not ask for; so the members of a union can be told apart.
const typename = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } };
const withTypename = (document) =>
  visit(document, {
    SelectionSet(node, key, parent) {
      const has = node.selections.some((one) => one.kind === Kind.FIELD && one.name.value === '__typename');
      if (has || parent?.kind === Kind.OPERATION_DEFINITION) return undefined;
      return { ...node, selections: [typename, ...node.selections] };
    },
  });

const documents = globSync('src/**/*.graphql', { cwd: root })
  .sort()
  .map((location) => {
    const rawSDL = readFileSync(join(root, location), 'utf8');
    return { location, rawSDL, document: withTypename(parse(rawSDL)) };
  });

const whole = { kind: Kind.DOCUMENT, definitions: documents.flatMap((one) => one.document.definitions) };
const names = whole.definitions.map((one) => one.name?.value);
const twice = names.find((name, at) => names.indexOf(name) !== at);
const wrong = validate(schemaAst, whole).map(String);
if (twice) wrong.push(`${twice} is the name of two documents or fragments: give one of them another.`);
if (wrong.length) {
  console.error(wrong.join('\n\n'));
  process.exit(1);
}

function write(file, text) {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), text);
}

const sections = await preset.buildGeneratesSection({
  baseOutputDir: out,
  schema: parse(sdl),
  schemaAst,
  documents,
  plugins: [],
  pluginMap: {},
  pluginContext: {},
  documentTransforms: [],
  presetConfig: { fragmentMasking: { unmaskFunctionName: 'unmask' } },
  config: {
    enumType: 'string-literal',
    useTypeImports: true,
    skipTypeNameForRoot: true,
    strictScalars: true,
    scalars: { Decimal: 'string', DateTime: 'string', Date: 'string', Upload: 'File' },
  },
});
// Each definition once, as text, with the fragments that it spreads: a tenth of the trees that the preset writes.
const definitions = new Map(whole.definitions.map((one) => [one.name.value, one]));
const constant = (name) => name + (definitions.get(name).kind === Kind.FRAGMENT_DEFINITION ? 'FragmentDoc' : 'Document');
const spreads = (node) => {
  const found = new Set();
  visit(node, { FragmentSpread: (spread) => void found.add(spread.name.value) });
  return [...found];
};
const text = (name) => stripIgnoredCharacters(print(definitions.get(name)));
const inOrder = new Set(); // what is spread comes before what spreads it
const place = (name) => void (spreads(definitions.get(name)).forEach(place), inOrder.add(name));
[...definitions.keys()].forEach(place);

const CONSTANT = /^export const (\w+) = \{"kind":"Document".*\} as unknown as (DocumentNode<.*>);$/gm;
function asTexts(code) {
  const types = new Map([...code.matchAll(CONSTANT)].map(([, name, type]) => [name, type]));
  if (types.size === 0) return code;
  if (types.size !== inOrder.size) throw new Error('The preset writes documents otherwise than is expected here.');
  const constants = [...inOrder].map((name) => {
    const spread = spreads(definitions.get(name)).map((one) => ` \${${constant(one)}}`);
    const quoted = text(name).replace(/[`\\]/g, '\\$&');
    return `export const ${constant(name)} = gql\`${quoted}${spread.join('')}\` as ${types.get(constant(name))};`;
  });
  return `import { gql } from '@urql/core';\n${code.replace(CONSTANT, '')}${constants.join('\n')}\n`;
}
for (const section of sections) {
  if (!section.filename.endsWith('/gql.ts')) write(section.filename, asTexts(await codegen(section)));
}
write(`${out}index.ts`, "export * from './graphql.ts';\nexport * from './fragment-masking.ts';\n");

// What graphcache asks of a schema: which types there are, and which belong to a union or interface.
const types = Object.values(schemaAst.getTypeMap()).filter((type) => !type.name.startsWith('__'));
const abstract = Object.fromEntries(
  types.filter(isAbstractType).map((type) => [type.name, schemaAst.getPossibleTypes(type).map((one) => one.name)]),
);
const objects = types.filter(isObjectType);
write(
  `${out}shape.ts`,
  `export const abstract: Record<string, string[]> = ${JSON.stringify(abstract)};\n` +
    `export const objects: string[] = ${JSON.stringify(objects.map((type) => type.name))};\n`,
);

// The texts exactly as the client sends them, by their sha256.
const documentOf = new Map();
const persisted = {};
for (const name of inOrder) {
  const spread = spreads(definitions.get(name)).map((one) => documentOf.get(one));
  documentOf.set(name, gql([text(name), ...spread.map(() => '')], ...spread));
  if (definitions.get(name).kind === Kind.OPERATION_DEFINITION) {
    const sent = stringifyDocument(formatDocument(createRequest(documentOf.get(name), {}).query));
    persisted[createHash('sha256').update(sent).digest('hex')] = sent;
  }
}
write(`${out}documents.json`, `${JSON.stringify(persisted, null, 1)}\n`);
