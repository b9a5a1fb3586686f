// The project's own barcode reader, web/src/lib/barcode.ts, made into a module
// that a page and Node.js load.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { root, scratch } from './lab.mjs';

let made;

/** Returns the module's file and what it exports. */
export function barcode() {
  return (made ??= make());
}

async function make() {
  const web = createRequire(join(root, 'web/package.json'));
  const { build } = await import(pathToFileURL(web.resolve('vite')).href);
  const outDir = join(scratch, 'barcode');
  await build({
    root: join(root, 'web'), configFile: false, logLevel: 'warn',
    build: {
      outDir, emptyOutDir: true, minify: false, target: 'es2022',
      lib: { entry: 'src/lib/barcode.ts', formats: ['es'], fileName: () => 'barcode.mjs' },
    },
  });
  const file = join(outDir, 'barcode.mjs');
  return { file, ...(await import(pathToFileURL(file).href)) };
}
