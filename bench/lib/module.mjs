// The project's own sources, web/src/lib, made into modules that a page and
// Node.js load.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { root, scratch } from './lab.mjs';

const made = new Map();

/** Makes one of them; returns the module's file and what it exports. */
export function module(name) {
  if (!made.has(name)) made.set(name, make(name));
  return made.get(name);
}

export const barcode = () => module('barcode');

async function make(name) {
  const web = createRequire(join(root, 'web/package.json'));
  const { build } = await import(pathToFileURL(web.resolve('vite')).href);
  const outDir = join(scratch, name);
  await build({
    root: join(root, 'web'), configFile: false, logLevel: 'warn',
    build: {
      outDir, emptyOutDir: true, minify: false, target: 'es2022',
      lib: { entry: `src/lib/${name}.ts`, formats: ['es'], fileName: () => `${name}.mjs` },
    },
  });
  const file = join(outDir, `${name}.mjs`);
  return { file, ...(await import(pathToFileURL(file).href)) };
}
