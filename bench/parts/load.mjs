// Many viewers: what each costs, and how late they get what was published.

import { listOf, pinned, tableOf, three, tool, within } from '../lib/tool.mjs';

const span = '5s';

export default {
  name: 'load',
  limit: 280,
  figures: [
    { id: 'own', what: "the server's own part, frame in → last packet of it out, 10 viewers, p99, joins included", must: '≤ 3 ms' },
    { id: 'packet', what: 'egress processor time per packet, all in, 400 viewers of 2.5 Mbit/s on one core, WHIP source', must: '≤ 2.0 µs' },
    { id: 'rtmp', what: 'the same, RTMP source, AAC → Opus included', must: '≤ 2.0 µs' },
    { id: 'apart', what: "the same from WHIP, loopback's receiving half on the other processor, where a network card has it on another machine", must: 'for information' },
    { id: 'whole', what: 'the same from WHIP, viewers that take runs whole, as a network card that segments UDP does: without the cutting that loopback does for them', must: 'for information' },
    { id: 'floor', what: "the least a packet can cost on this machine: AES-GCM, and the kernel's send over loopback of eight at a time", must: 'for information' },
    { id: 'memory', what: 'memory (RSS) per viewer beyond the first hundred, 400 viewers', must: '≤ 40 KB' },
    { id: 'few', what: "publisher's stamp → last packet at the viewer's socket, 10 viewers, WHIP source, p50 / p95 / p99", must: '≤ 0.5 / 1 / 3 ms' },
    { id: 'fewRTMP', what: 'the same, RTMP source', must: '≤ 0.5 / 1 / 3 ms' },
    { id: 'delay', what: 'the same, 200 viewers, WHIP source', must: '≤ 1.5 / 3 / 10 ms' },
    { id: 'delayRTMP', what: 'the same, 200 viewers, RTMP source', must: '≤ 1.5 / 3 / 10 ms' },
    { id: 'delayApart', what: 'the same from WHIP, the receiving half on the other processor', must: 'for information' },
    { id: 'delayWhole', what: 'the same from WHIP, viewers that take runs whole', must: 'for information' },
  ],

  async measure() {
    const whip = await tool('load', '--from', 'whip', '--viewers', '10,200,400', '--joins', '200', '--for', span);
    const rtmp = await tool('load', '--from', 'rtmp', '--viewers', '10,200,400', '--joins', '200', '--for', span);
    const apart = await tool('load', '--from', 'whip', '--viewers', '200,400', '--joins', '200', '--for', span, '--apart')
      .catch((error) => ({ error: error.message.split('\n')[0] })); // it needs root
    const whole = await tool('load', '--from', 'whip', '--viewers', '200,400', '--joins', '200', '--for', span, '--whole-runs');
    const [few, some, many] = all(whip);
    const [fewRTMP, someRTMP, manyRTMP] = all(rtmp);
    const own = /^10 viewers: .* within ([\d.]+) ms/m.exec(rtmp.err)?.[1];
    if (own === undefined) throw new Error(`the server's metric is missing: ${rtmp.err.trim().slice(-300)}`);
    const { encrypt_ns: encrypt, send_ns: send } = whip.report.floor;
    const cost = (r) => ({
      measured: `${r.server_us_per_packet.toFixed(2)} µs, ${(r.server_us_per_packet * 1000 / (encrypt + send)).toFixed(1)} times the floor below`,
      holds: r.server_us_per_packet <= 2,
    });
    const kb = many.kb_per_viewer_beyond;
    return {
      own: { measured: `≤ ${Number(own)} ms`, holds: Number(own) <= 3 },
      packet: cost(many), rtmp: cost(manyRTMP),
      ...(apart.error ? {} : {
        apart: { measured: `${all(apart)[1].server_us_per_packet.toFixed(2)} µs` },
        delayApart: { measured: `${three(all(apart)[0].delay).map((v) => v.toFixed(1)).join(' / ')} ms` },
      }),
      whole: { measured: `${all(whole)[1].server_us_per_packet.toFixed(2)} µs` },
      delayWhole: { measured: `${three(all(whole)[0].delay).map((v) => v.toFixed(1)).join(' / ')} ms` },
      floor: { measured: `${((encrypt + send) / 1000).toFixed(2)} µs: ${(encrypt / 1000).toFixed(2)} and ${(send / 1000).toFixed(2)}` },
      memory: { measured: `${kb.toFixed(0)} KB, RTMP source ${manyRTMP.kb_per_viewer_beyond.toFixed(0)} KB`, holds: Math.max(kb, manyRTMP.kb_per_viewer_beyond) <= 40 },
      few: within(three(few.delay), [0.5, 1, 3], 'ms'), fewRTMP: within(three(fewRTMP.delay), [0.5, 1, 3], 'ms'),
      delay: within(three(some.delay), [1.5, 3, 10], 'ms'), delayRTMP: within(three(someRTMP.delay), [1.5, 3, 10], 'ms'),
      details: `### Load

\`millrace bench load\`: viewers that do ICE, DTLS and SRTP but decode nothing watch 1080p30 of 2.5 Mbit/s and sound over loopback,
${span} per row. ${(await pinned()) ? 'The server has core 0, publisher and viewers have core 1.' : 'The server has one processor by GOMAXPROCS; nothing is pinned, as there is no taskset or no second core.'}
Processor time is user and system, all that the server does, and on loopback the receiving half of the network too. Memory is
resident, from the second viewer on, and from the 101st. Delays are from the time that the publisher writes into each picture
to the kernel's time of its last packet.

From WHIP:

${tableOf(whip.out)}

${listOf(whip.err)}

From RTMP:

${tableOf(rtmp.out)}

${listOf(rtmp.err)}

From WHIP, with \`--apart\`: what the kernel does for the receivers runs on core 1, beside the viewers.

${apart.error ? `Not measured: ${apart.error}` : tableOf(apart.out)}

From WHIP, with \`--whole-runs\`: the viewers' sockets take each run of packets as one (\`UDP_GRO\`), and the tool cuts it. That is what a network
card sees that segments UDP itself; loopback otherwise cuts each run for the receiver, in the server's time.

${tableOf(whole.out)}
`,
    };
  },
};

/** The results, when all viewers came. */
export function all({ report, out }) {
  const failed = report.results.find((r) => r.failed > 0 || r.frames === 0);
  if (failed) throw new Error(`not all of ${failed.viewers + failed.failed} viewers came: ${failed.first_error ?? out.trim().slice(-300)}`);
  return report.results;
}
