// Viewers that come: one after the other, anywhere between two key frames, and
// as many per second as one core must take.

import { listOf, tableOf, tool, two, within } from '../lib/tool.mjs';

const rate = 400;
const span = 8; // s
const stay = 0.1; // s, of each of those

export default {
  name: 'joins',
  limit: 170,
  figures: [
    { id: 'rtmp', what: 'POST → first whole key frame, keys 2 s apart, joins anywhere, RTMP source, p50 / p95', must: '≤ 50 / 100 ms' },
    { id: 'whip', what: 'the same, WHIP source that obeys PLI', must: '≤ 50 / 80 ms' },
    { id: 'swipe', what: 'the same, switching from one RTMP stream to the next', must: '≤ 50 / 100 ms' },
    { id: 'packet', what: 'POST → first media packet, p95', must: '≤ 30 ms' },
    { id: 'behind', what: 'delay 2 s after such a join beyond that of a viewer that was there, p95 (RTMP, WHIP)', must: '≤ 30 ms' },
    { id: 'rate', what: `${rate} joins per second on one core, each stays for ${stay * 1000} ms: first packet p95`, must: '≤ 100 ms' },
    { id: 'full', what: `the same beside ${rate} viewers of 2.5 Mbit/s, each stays for a second: let in per second, first packet p50 / p95`, must: 'for information' },
  ],

  async measure() {
    const rtmp = await tool('join', '--from', 'rtmp', '--joins', '40', '--every', '350ms');
    const whip = await tool('join', '--from', 'whip', '--joins', '25', '--every', '1200ms');
    const swipe = await tool('join', '--from', 'rtmp', '--joins', '20', '--every', '400ms', '--switch');
    const churn = (viewers) => tool('churn', '--from', 'rtmp', '--rate', String(rate), '--viewers', String(viewers), '--for', `${span}s`, '--every', '2s', '--vanish', '0', '--no-verify');
    const storm = await churn(rate * stay), full = await churn(rate);
    const key = ({ report: r }, limits) => {
      if (r.failed > 0 || r.no_key > 0) return { measured: `${r.failed} failed, ${r.no_key} got none in 2 s: ${r.first_error ?? ''}`, holds: false };
      return within(two(r.first_key), limits, 'ms');
    };
    const behind = [rtmp, whip].map(({ report: r }) => r.behind.p95);
    const { all } = storm.report;
    const sustained = all.failed === 0 && all.joins >= 0.97 * rate * span;
    return {
      rtmp: key(rtmp, [50, 100]), whip: key(whip, [50, 80]), swipe: key(swipe, [50, 100]),
      packet: within([rtmp, whip].map(({ report: r }) => r.first_packet.p95), [30, 30], 'ms (RTMP / WHIP)'),
      behind: within(behind, [30, 30], 'ms'),
      rate: { measured: `${all.first_packet.p95.toFixed(1)} ms, ${(all.joins / span).toFixed(0)} joins/s, ${all.failed} failed`, holds: sustained && all.first_packet.p95 <= 100 },
      full: { measured: `${(full.report.all.joins / span).toFixed(0)}, ${two(full.report.all.first_packet).map((v) => v.toFixed(0)).join(' / ')} ms; ${full.report.all.failed} were refused` },
      details: `### Joins

\`millrace bench join\`: single viewers, beside one that is there all the time.

${[['RTMP', rtmp], ['WHIP', whip], ['switching between two streams, RTMP', swipe]].map(([name, run]) => `${name}:\n\n${tableOf(run.out)}`).join('\n\n')}

\`millrace bench churn\`: ${rate} joins per second, each viewer stays for ${stay * 1000} ms. Publisher and viewers, with their handshakes, share one core.

${tableOf(storm.out)}

${listOf(storm.err)}

The same, but each viewer stays for a second: pictures for ${rate} viewers take more than half of the core. Media goes first; who cannot be let in
within a second is refused (503, \`overload\`).

${tableOf(full.out)}

${listOf(full.err)}
`,
    };
  },
};
