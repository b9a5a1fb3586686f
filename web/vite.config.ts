import { svelte, vitePreprocess } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

// mpegts.js comes as one CommonJS file. As a module of its own it needs no
// helper from the page's chunk, so that it stays as it is when the page changes.
const mpegts: Plugin = {
  name: 'mpegts-as-module',
  apply: 'build',
  transform(code, id) {
    if (!id.endsWith('/mpegts.js/dist/mpegts.js')) return undefined;
    return `const module = { exports: {} }, exports = module.exports;\n${code}\nexport default module.exports;`;
  },
};

// The built pages are committed: one file per chunk, named by its content, and
// nothing in them that depends on where or when they were built.
export default defineConfig({
  plugins: [mpegts, svelte({ configFile: false, preprocess: vitePreprocess() })],
  build: {
    outDir: '../internal/console/dist',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      input: ['index.html', 'publish.html', 'calibrate.html', 'viewers.html'],
      output: {
        // The library stays as it is when a page changes.
        codeSplitting: { groups: [{ name: 'svelte', test: /node_modules[\\/](svelte|esm-env|clsx)[\\/]/ }] },
      },
    },
  },
  server: { fs: { allow: ['..'] } },
});
