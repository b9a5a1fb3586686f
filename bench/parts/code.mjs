// Benchmarks of the Go code.

import { Lab } from '../lib/lab.mjs';
import { table } from '../lib/numbers.mjs';

const what = [
  { id: 'opus', path: './internal/transcode', bench: 'Converter/48000/bent=false', time: '1s' },
  { id: 'append', path: './internal/live', bench: 'Append$/^readers=(0|1|100)$', time: '0.3s' },
  { id: 'next', path: './internal/live', bench: 'Next$', time: '0.3s' },
  { id: 'fan', path: './internal/httplive', bench: 'FanOut/^HTTP', time: '3s' },
];

export default {
  name: 'code',
  limit: 90,
  figures: [
    { id: 'opus', what: 'AAC → Opus, 48 kHz stereo, share of a core per stream', must: '≤ 3 %' },
    { id: 'append', what: "appending a frame to a stream's log, its publisher's cost, with 0 / 1 / 100 readers", must: 'for information' },
    { id: 'fan', what: 'HTTP-FLV, 100 viewers of 2.5 Mbit/s: processor time per viewer and second', must: 'for information' },
  ],

  async measure() {
    const all = new Map();
    for (const { id, path, bench, time } of what) all.set(id, await benchmark(path, bench, time));
    const share = all.get('opus')[0].values['%core'];
    const written = all.get('append').map((b) => `${Math.round(b.values['write-ns/op'])}`);
    const cpu = all.get('fan')[0].values['cpu-us/viewer-s'];
    if ([share, cpu].includes(undefined)) throw new Error('a benchmark has lost its metric');
    return {
      opus: { measured: `${share.toFixed(2)} %`, holds: share <= 3 },
      append: { measured: `${written.join(' / ')} ns` },
      fan: { measured: `${Math.round(cpu)} µs, ${(cpu / 1e4).toFixed(3)} % of a core` },
      details: `### Benchmarks of the code

\`go test -bench\`, as printed:

${table(['benchmark', 'times', 'values'], [...all.values()].flat().map((b) => [`\`${b.name}\``, b.times, b.text]))}
`,
    };
  },
};

/** What a benchmark of a package prints, one of these for each of its parts. */
export async function benchmark(path, bench, time, ...args) {
  const lab = new Lab();
  try {
    const { out } = await lab.run('go', ['test', '-run', '^$', '-bench', `Benchmark${bench}`, '-benchtime', time, '-timeout', '5m', path, ...args]);
    const found = [...out.matchAll(/^(Benchmark\S+?)(?:-\d+)?\s+(\d+)\s+(.*)$/gm)].map(([, name, times, text]) => ({
      name, times, text: text.trim().split(/\t+/).map((t) => t.trim()).join(', '),
      values: Object.fromEntries([...text.matchAll(/([\d.]+) (\S+)/g)].map(([, x, unit]) => [unit, Number(x)])),
    }));
    if (found.length === 0) throw new Error(`no benchmark ${bench} in ${path}`);
    return found;
  } finally {
    await lab.close();
  }
}
