// Many viewers: `millrace bench`, which gives its server one processor, gets
// the other one.

import { binary, Lab, says } from '../lib/lab.mjs';
import { table } from '../lib/numbers.mjs';

const steps = [1, 200, 400];
const span = '5s';

export default {
  name: 'load',
  limit: 70,
  figures: [
    { id: 'own', what: "the server's own part, frame in → last packet of it out, 1 viewer, p99", must: '≤ 3 ms' },
    { id: 'packet', what: 'egress processor time per packet, 200 viewers of 2.5 Mbit/s on one core', must: '≤ 2.5 µs' },
    { id: 'floor', what: "the least a packet can cost on this machine: AES-GCM, and the kernel's send over loopback of eight at a time", must: 'for information' },
    { id: 'memory', what: 'memory (RSS) per WebRTC viewer', must: '≤ 60 KB' },
  ],

  async measure() {
    const lab = new Lab();
    try {
      const pinned = (await says('taskset', '-c', '1', 'true')) !== undefined;
      const bench = [binary, 'bench', '--viewers', steps.join(','), '--for', span];
      const [command, ...args] = pinned ? ['taskset', '-c', '1', ...bench] : bench;
      return results(await lab.run(command, args), pinned);
    } finally {
      await lab.close();
    }
  },
};

function results({ out, err }, pinned) {
  const lines = out.split('\n').filter((l) => l.startsWith('|')).map((l) => l.split('|').slice(1, -1).map((c) => c.trim()));
  const [head, , ...rows] = lines;
  const of = (viewers) => {
    const row = rows.find(([n, failed]) => Number(n) === viewers && failed === '0');
    if (!row) throw new Error(`not all of ${viewers} viewers came: ${out.trim().slice(-300)}`);
    return Object.fromEntries(head.map((name, i) => [name, row[i]]));
  };
  const own = /^1 viewers: .* within ([\d.]+) ms/m.exec(err)?.[1];
  if (own === undefined) throw new Error(`the server's metric is missing: ${err.trim().slice(-300)}`);
  const [some, many] = [of(200), of(400)];
  const floor = /floor: ([\d.]+) µs per packet on this machine, ([\d.]+) to encrypt and ([\d.]+) to send/.exec(err);
  const times = floor && (Number(some['µs/packet']) / Number(floor[1])).toFixed(1);
  const kb = [some, many].map((r) => Number(r['KB/viewer']));
  return {
    own: { measured: `≤ ${Number(own)} ms`, holds: Number(own) <= 3 },
    packet: { measured: `${some['µs/packet']} µs (400 viewers: ${many['µs/packet']} µs)${floor ? `, ${times} times the floor below` : ''}`, holds: Number(some['µs/packet']) <= 2.5 },
    floor: { measured: floor ? `${floor[1]} µs: ${floor[2]} and ${floor[3]}` : 'not measured' },
    memory: { measured: `${kb[0]} KB at 200, ${kb[1]} KB at 400 viewers`, holds: Math.max(...kb) <= 60 },
    details: `### Load

\`millrace bench\`: viewers that do ICE, DTLS and SRTP but decode nothing watch 1080p30 of 2.5 Mbit/s and sound over loopback,
${span} per row. ${pinned ? 'The server has core 0, publisher and viewers have core 1.' : 'The server has one processor by GOMAXPROCS; nothing is pinned, as there is no taskset or no second core.'}
Processor time is user and system, all that the server does, and on loopback the receiving half of the network too. Memory is
resident, above that with one viewer, whose stream's buffers all share. Delays are
from the stream's capture clock to the viewers' sockets.

${table(head, rows)}

${err.trim().split('\n').map((l) => `* ${l}`).join('\n')}
`,
  };
}
