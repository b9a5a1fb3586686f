// Viewers whose network loses packets.

import { tableOf, tool, within } from '../lib/tool.mjs';

const span = '12s';

export default {
  name: 'loss',
  limit: 120,
  figures: [
    { id: 'time', what: 'pictures decodable within 400 ms of capture at RTT 50 ms and 2 / 5 / 10 % random loss each way', must: '100 %' },
    { id: 'five', what: 'their delay at 5 %, p95 / p99', must: '≤ 105 / 140 ms' },
    { id: 'ten', what: 'at 10 %, p95 / p99', must: '≤ 125 / 180 ms' },
    { id: 'burst', what: 'the same at RTT 100 ms, 20 % loss in bursts of 3: decodable within 400 ms', must: '≥ 97 %' },
  ],

  async measure() {
    const random = await tool('loss', '--from', 'whip', '--rtt', '50ms', '--loss', '0.02,0.05,0.1', '--for', span);
    const burst = await tool('loss', '--from', 'whip', '--rtt', '100ms', '--loss', '0.2', '--burst', '3', '--for', span);
    const [, five, ten] = random.report.results;
    const shares = random.report.results.map((r) => 100 * r.in_time);
    const [worst] = burst.report.results;
    const tails = ({ delay }) => [delay.p95, delay.p99];
    return {
      time: { measured: `${shares.map((s) => s.toFixed(2)).join(' / ')} %`, holds: shares.every((s) => s >= 99.995) },
      five: within(tails(five), [105, 140], 'ms', 0),
      ten: within(tails(ten), [125, 180], 'ms', 0),
      burst: { measured: `${(100 * worst.in_time).toFixed(2)} %`, holds: worst.in_time >= 0.97 },
      details: `### Loss

\`millrace bench loss\`: each viewer has a network of its own inside the tool, which loses datagrams both ways. A viewer asks for what
is missing as Chromium does: at once, and again after each round trip; repeats come by RTX. A picture is decodable when all its
packets and all pictures since the key frame are there.

${tableOf(random.out)}

${tableOf(burst.out)}
`,
    };
  },
};
