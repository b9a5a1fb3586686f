// As many viewers as one core must hold.

import { tableOf, tool } from '../lib/tool.mjs';
import { all } from './load.mjs';

const must = 1300;

export default {
  name: 'many',
  limit: 90,
  figures: [{ id: 'hold', what: `${must} viewers of 2.5 Mbit/s and sound on one core: delay p95, and loss`, must: '≤ 100 ms, none' }],

  async measure() {
    const run = await tool('load', '--from', 'whip', '--viewers', String(must), '--joins', '150', '--for', '10s');
    const [r] = all(run);
    const lost = r.lost - r.dropped;
    return {
      hold: { measured: `${r.delay.p95.toFixed(0)} ms, ${lost} of ${r.packets} packets, ${(100 * r.whole).toFixed(2)} % of the pictures whole; ${(100 * r.server_cpu).toFixed(0)} % of the core`, holds: r.delay.p95 <= 100 && lost <= 0 && r.whole >= 0.999 },
      details: `### As many as a core must hold

\`millrace bench load --from whip --viewers ${must}\`. Where the tool's own core is the one that is full (its column), this says nothing about the server.

${tableOf(run.out)}
`,
    };
  },
};
