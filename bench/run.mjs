// Measures everything in results.md, within half an hour:
//
//   node bench/run.mjs                 measures all and writes bench/results.md
//   node bench/run.mjs '^load|join'    measures those parts and prints them
//   node bench/run.mjs '' FILE         writes FILE instead, whatever was measured
//
// It needs what `make deps` installs, and bin/millrace. No figure fails it.

import { writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

import { closeAll, root, says } from './lib/lab.mjs';
import { busy, load, machine } from './lib/machine.mjs';
import { table } from './lib/numbers.mjs';
import api from './parts/api.mjs';
import cast from './parts/cast.mjs';
import code from './parts/code.mjs';
import control from './parts/control.mjs';
import hls from './parts/hls.mjs';
import join from './parts/join.mjs';
import joins from './parts/joins.mjs';
import latency from './parts/latency.mjs';
import fan from './parts/load.mjs';
import loss from './parts/loss.mjs';
import many from './parts/many.mjs';
import sound from './parts/sound.mjs';
import { binaryPart, clonePart } from './parts/start.mjs';
import streaming from './parts/streaming.mjs';
import thin from './parts/thin.mjs';

// The first ones are those that a busy machine spoils most.
const parts = [fan, many, streaming, joins, loss, sound, thin, latency, cast, join, hls, api, binaryPart, control, code, clonePart];
const patience = 1800; // seconds for all, and some are left for tidying up
const began = Date.now();
const spent = () => (Date.now() - began) / 1000;

const pattern = new RegExp(process.argv[2] || '.');
const chosen = parts.filter((p) => pattern.test(p.name));
if (chosen.length === 0) {
  console.error(`bench: no part is called ${pattern.source}; there are ${parts.map((p) => p.name).join(', ')}`);
  process.exit(2);
}

const first = { load: load(), busy: busy() };
const results = [];
for (const part of chosen) {
  console.error(`bench: ${part.name}, after ${spent().toFixed(0)} s; load ${load()}`);
  results.push({ part, ...(await measured(part)) });
}
const text = await report(results);
const file = process.argv[3] || (chosen.length === parts.length && `${root}bench/results.md`);
if (file) {
  await writeFile(file, text);
  console.error(`bench: ${file} is written, after ${spent().toFixed(0)} s`);
}
console.log(text);
process.exit(0); // whatever hangs ends here

/** Measures one part. A failure becomes the reason why there are no figures. */
async function measured(part) {
  const limit = Math.min(part.limit, patience - spent());
  if (limit < 5) return { error: `the time of ${patience} s was over` };
  const late = pause(limit * 1000, undefined, { ref: false }).then(() => {
    throw new Error(`it was not done within ${limit.toFixed(0)} s`);
  });
  const measuring = part.measure();
  try {
    return { values: await Promise.race([measuring, late]) };
  } catch (error) {
    await closeAll();
    await Promise.race([measuring.catch(() => {}), pause(5000, undefined, { ref: false })]);
    console.error(`bench: ${part.name}: ${error.stack}`);
    return { error: error.message.split('\n')[0] };
  }
}

async function report(all) {
  const rows = all.flatMap(({ part, values, error }) => part.figures.map((f) => {
    const v = values?.[f.id];
    return [f.what, f.must, v?.measured ?? `not measured: ${error}`, v?.holds === undefined ? '' : v.holds ? 'yes' : '**no**'];
  }));
  const commit = (await says('git', '-C', root, 'describe', '--always', '--dirty')) ?? 'unknown';
  const rest = first.busy ? '\n**The machine was not at rest when this began: figures of time are worse than they would be.**\n' : '';
  return `# Measured figures

Made by \`make bench\` in ${spent().toFixed(0)} s, at ${new Date(began).toISOString().slice(0, 16).replace('T', ' ')} UTC, of commit ${commit}.
Everything runs on one machine, over loopback.
${rest}
${table(['figure', 'must', 'measured', 'holds'], rows)}

## The machine

${table(['', ''], [...(await machine()), ['load average at the start', first.load], ['at the end', load()]])}

## How, and in full

${all.map(({ part, values, error }) => values?.details ?? `### ${part.name}\n\nNot measured: ${error}\n`).join('\n')}`;
}
