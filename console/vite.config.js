import { globSync } from 'node:fs';
import { join } from 'node:path';
import babel from '@rolldown/plugin-babel';
import { lingui, linguiTransformerBabelPreset } from '@lingui/vite-plugin';
import optimizeLocales from '@react-aria/optimize-locales-plugin';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// The API to develop against: patrongraph up.
const api = process.env.PATRONGRAPH_URL ?? 'http://127.0.0.1:8000';
const toApi = { target: api, ws: true };

/** What several folders say in the same words is sent once: words/en.ts and words/sv.ts become one catalog each. */
const oneCatalog = {
  name: 'one-catalog',
  apply: 'build',
  async transform(_, id) {
    const language = /src\/words\/(en|sv)\.ts$/.exec(id)?.[1];
    if (!language) return undefined;
    const messages = {};
    for (const file of globSync(`src/*/locales/${language}.po`, { cwd: import.meta.dirname }).sort()) {
      const { code } = await this.load({ id: join(import.meta.dirname, file) });
      const packed = /JSON\.parse\((".*")\)/s.exec(code);
      if (!packed) throw new Error(`${file} is compiled otherwise than is expected here: JSON.parse("…") is.`);
      Object.assign(messages, JSON.parse(JSON.parse(packed[1])));
    }
    return `export const messages = JSON.parse(${JSON.stringify(JSON.stringify(messages))});`;
  },
};

export default defineConfig({
  base: '/console/',
  plugins: [
    { ...optimizeLocales.vite({ locales: ['en-US', 'en-GB', 'sv-SE'] }), enforce: 'pre' },
    babel({ presets: [linguiTransformerBabelPreset()] }),
    react(),
    lingui({ failOnMissing: true, failOnCompileError: true }),
    oneCatalog,
  ],
  build: {
    outDir: '../src/patrongraph/console_assets',
    emptyOutDir: true,
    target: 'es2023',
    assetsInlineLimit: 0, // a data: address would need a wider Content-Security-Policy
    manifest: 'manifest.json',
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 5000,
    rolldownOptions: {
      checks: { moduleLevelDirective: false },
      input: ['index.html', 'explorer.html'],
    },
  },
  // The explorer's editor has workers that Vite cannot bundle ahead; while developing, the console alone is.
  optimizeDeps: { entries: ['index.html'] },
  server: { proxy: { '/graphql': toApi, '/exports': toApi, '/jobs': toApi, '/statistics': toApi, '/patrons': toApi } },
});
