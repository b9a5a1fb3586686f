// How many viewers one core holds: more until it does not.

import { tableOf, tool } from '../lib/tool.mjs';

const must = 1300;
const steps = [400, 500, 600, 800, 1000, must, 1600, 1900];
const span = '6s';

export default {
  name: 'many',
  limit: 250,
  figures: [
    { id: 'hold', what: `${must} viewers of 2.5 Mbit/s and sound on one core: delay p95; lost`, must: '≤ 100 ms; none' },
    { id: 'holdWhole', what: 'the same with viewers that take runs whole, as a network card that segments UDP does', must: 'for information' },
    { id: 'most', what: `the most of ${steps.join(', ')} that are held so`, must: `≥ ${must}` },
  ],

  // From the middle upwards or downwards: who holds many holds fewer.
  async measure() {
    const seen = new Map();
    const whole = await run(must, '--whole-runs');
    const step = async (n) => seen.set(n, await run(n)).get(n).holds;
    if (await step(must)) for (const n of steps.filter((n) => n > must)) if (!(await step(n))) break;
    if (!seen.get(must).holds) for (const n of steps.filter((n) => n < must).reverse()) if (await step(n)) break;
    const all = [...seen.values()].sort((a, b) => a.n - b.n);
    const most = all.findLast((s) => s.holds);
    const over = all.find((s) => !s.holds);
    return {
      hold: { measured: seen.get(must).text, holds: seen.get(must).holds },
      holdWhole: { measured: `${whole.holds ? 'held' : 'not held'}: ${whole.text}` },
      most: {
        measured: `${most?.n ?? `fewer than ${steps[0]}`}${over ? `; at ${over.n}: ${over.text}, and ${over.full}` : ''}`,
        holds: (most?.n ?? 0) >= must,
      },
      details: `### As many as a core holds

\`millrace bench load --from whip --viewers N\`, ${span} per step. A step holds with a delay p95 of at most 100 ms, no packet lost but by the tool's own
sockets (in brackets), and 99.9 % of the pictures whole. Where the tool's own core is the one that is full (its column), a step that does not hold
says nothing about the server.

${head(all)}

With \`--whole-runs\`, as in the load above:

${tableOf(whole.out)}
`,
    };
  },
};

const head = (all) => all.map((s, i) => tableOf(s.out).split('\n').slice(i && 2).join('\n')).join('\n');

async function run(n, ...more) {
  const { out, report } = await tool('load', '--from', 'whip', '--viewers', String(n), '--joins', '200', '--for', span, ...more);
  const [r] = report.results;
  const lost = Math.max(0, r.lost - r.dropped);
  const percent = (x) => `${(100 * x).toFixed(0)} %`;
  return {
    n, out,
    holds: r.failed === 0 && r.frames > 0 && r.delay.p95 <= 100 && lost === 0 && r.whole >= 0.999,
    text: `${r.delay.p95.toFixed(0)} ms; ${lost} of ${r.packets}${r.failed ? `; ${r.failed} did not come: ${r.first_error.replace(/: \{.*"code":"(\w+)".*/, ', $1')}` : ''}; ${(100 * r.whole).toFixed(2)} % of the pictures whole, ${percent(r.server_cpu)} of the core`,
    full: r.tool_cpu > 0.9 || r.dropped > 0
      ? `the tool was at its own limit (${percent(r.tool_cpu)} of its core, ${r.dropped} packets dropped by its sockets)`
      : `the tool had room (${percent(r.tool_cpu)} of its core)`,
  };
}
