// Ordinary streaming: what viewers of HTTP-FLV cost, how soon viewers of HTTP-FLV
// and RTMP have a picture, and what streams cost that nobody watches.

import { all } from './load.mjs';
import { listOf, tableOf, tool } from '../lib/tool.mjs';

const viewers = 400, streams = 200;
const ms = (x) => `${x.toFixed(x < 1 ? 2 : 1)} ms`;

export default {
  name: 'streaming',
  limit: 120,
  figures: [
    { id: 'cost', what: `HTTP-FLV, ${viewers} viewers of 2.5 Mbit/s on one core, processor time per viewer and second`, must: '≤ 0.45 ms' },
    { id: 'delay', what: 'their delay, from the publisher\'s stamp to the viewer\'s socket, p50', must: '≤ 3 ms' },
    { id: 'flv', what: 'HTTP-FLV, from the request to the first whole key frame, hot stream, p50 / p95', must: '– / ≤ 100 ms' },
    { id: 'rtmp', what: 'RTMP, the same, handshake included', must: '– / ≤ 100 ms' },
    { id: 'cpu', what: `${streams} streams of 1 Mbit/s that nobody watches, processor time`, must: '≤ 30 % of a core' },
    { id: 'memory', what: 'memory (RSS) of each of them', must: '≤ 3 MB' },
  ],

  async measure() {
    const load = await tool('load', '--from', 'rtmp', '--over', 'flv', '--viewers', String(viewers), '--for', '8s');
    const [r] = all(load);
    const joins = {};
    for (const way of ['flv', 'rtmp']) joins[way] = await tool('join', '--from', 'rtmp', '--over', way, '--joins', '30', '--every', '350ms');
    const idle = await tool('idle', '--streams', String(streams), '--for', '10s');
    const { server_cpu: cpu, kb_per_stream: kb } = idle.report;
    const first = ({ report: { failed, no_key: none, first_key: key, first_error: why } }) => (failed > 0 || none > 0
      ? { measured: `${failed} failed, ${none} got none in 2 s: ${why ?? ''}`, holds: false }
      : { measured: `${ms(key.p50)} / ${ms(key.p95)}`, holds: key.p95 <= 100 });
    const per = r.server_ms_per_viewer_second;
    return {
      cost: { measured: ms(per), holds: per <= 0.45 },
      delay: { measured: ms(r.delay.p50), holds: r.delay.p50 <= 3 },
      flv: first(joins.flv), rtmp: first(joins.rtmp),
      cpu: { measured: `${(100 * cpu).toFixed(0)} %`, holds: cpu <= 0.3 },
      memory: { measured: `${(kb / 1024).toFixed(1)} MB`, holds: kb <= 3 * 1024 },
      details: `### Ordinary streaming

\`millrace bench load --over flv\`: viewers of HTTP-FLV, as in the load of WebRTC; a tag counts as a packet. Their sockets are
polled: over a network, too, no sender pays for waking a receiver. A picture's delay ends at the kernel's time of the newest packet
of what is read at a time; how late that was read is no part of it, and stands in the last column.

${tableOf(load.out)}

${listOf(load.err)}

\`millrace bench join\` by HTTP-FLV, and by RTMP: single viewers, beside one that is there all the time.

${tableOf(joins.flv.out)}

${tableOf(joins.rtmp.out)}

\`millrace bench idle\`: streams over RTMP, each of 0.9 Mbit/s of video and some sound, measured when their tails are full.

${tableOf(idle.out)}
`,
    };
  },
};
