import { svelte, vitePreprocess } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// The built pages are committed: one file per chunk, named by its content, and
// nothing in them that depends on where or when they were built.
export default defineConfig({
  plugins: [svelte({ configFile: false, preprocess: vitePreprocess() })],
  build: {
    outDir: '../internal/console/dist',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: { input: ['index.html', 'calibrate.html'] },
  },
  server: { fs: { allow: ['..'] } },
});
