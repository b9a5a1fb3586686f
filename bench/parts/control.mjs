// Domains in large numbers: how soon a node with 10,000 of them answers, and what
// 1,000 changes a second do to those who are let in meanwhile.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { binary, Lab, scratch } from '../lib/lab.mjs';
import { median, ms, quantile, table } from '../lib/numbers.mjs';
import { benchmark } from './code.mjs';
import { startOn } from './start.mjs';

const span = process.env.SPAN ?? '10s'; // the whole thing: SPAN=60s make bench BENCH=control
const domains = 10_000, starts = 3;

export default {
  name: 'control',
  limit: 150,
  figures: [
    { id: 'start', what: `from exec to the first answer of \`/healthz\`, ${domains} domains`, must: '≤ 2 s' },
    { id: 'changes', what: `changes of ${domains} domains that are on disk, with their audit entries, per second, of 1000 asked for`, must: '≥ 990' },
    { id: 'quiet', what: 'a signed request is let in, 1000 a second, without changes: p50 / p99', must: 'for information' },
    { id: 'changing', what: 'the same while these changes are made', must: '– / ≤ 1 ms' },
    { id: 'seen', what: 'until another reader of the store has seen a change, slowest', must: '≤ 1 s' },
  ],

  async measure() {
    const times = await startTimes();
    const [b] = await benchmark('./internal/admit', 'Control$', '1x', '-args', '-span', span);
    const v = (name) => {
      if (b.values[name] === undefined) throw new Error(`the benchmark has lost its metric ${name}`);
      return b.values[name];
    };
    const two = (which) => `${v(`${which}-p50-ms`).toFixed(3)} / ${v(`${which}-p99-ms`).toFixed(3)} ms`;
    return {
      start: { measured: `${ms(median(times))}, slowest of ${starts}: ${ms(quantile(times, 1))}`, holds: quantile(times, 1) <= 2000 },
      changes: { measured: `${Math.round(v('changes/s'))}; each takes ${ms(v('change-p50-ms'))} (p50), ${ms(v('change-p99-ms'))} (p99)`, holds: v('changes/s') >= 990 },
      quiet: { measured: two('quiet') },
      changing: { measured: two('changing'), holds: v('changing-p99-ms') <= 1 },
      seen: { measured: ms(v('seen-max-ms')), holds: v('seen-max-ms') <= 1000 },
      details: `### Domains, and changes of them

\`millrace serve\` with a data directory that \`millrace catalog import\` has filled, asked every few ms; then
\`go test ./internal/admit -bench Control -args -span ${span}\`: ${span} without changes and ${span} with them, in one process.

${table(['value', ''], Object.entries(b.values))}
`,
    };
  },
};

async function startTimes() {
  const data = await mkdtemp(join(scratch, 'data-'));
  try {
    await fill(data);
    const times = [];
    for (let i = 0; i < starts; i++) times.push(await startOn(data));
    return times;
  } finally {
    await rm(data, { recursive: true, force: true });
  }
}

async function fill(data) {
  const lab = new Lab();
  try {
    const file = join(data, 'domains.yaml.in');
    const one = (i) => `  - name: play${i}.test
    type: streaming
    default: ${i === 0}
    functions:
      - {name: rts, args: {enable: "on", mode: sub_second}}
      - {name: aliauth, args: {auth_type: type_a, auth_key1: primarykey, ali_auth_delta: "3600"}}
`;
    await writeFile(file, `domains:\n  - {name: push.test, type: ingest, main: play0.test, default: true}\n${Array.from({ length: domains }, (_, i) => one(i)).join('')}`);
    await lab.run(binary, ['catalog', 'import', '--data-dir', data, file]);
  } finally {
    await lab.close();
  }
}
