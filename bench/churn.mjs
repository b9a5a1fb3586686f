// Viewers that come and go for a long time: what stays behind?
//
//   node bench/churn.mjs [minutes [Mbit/s [file]]]    30, 2.5 and bench/churn.md by default
//
// 500 viewers at a time, 20 joins per second; a tenth leaves without a word. Each
// packet is opened, and each picture compared with what was published.

import { writeFile } from 'node:fs/promises';

import { root, says } from './lib/lab.mjs';
import { load, machine } from './lib/machine.mjs';
import { table } from './lib/numbers.mjs';
import { listOf, tool } from './lib/tool.mjs';

const minutes = Number(process.argv[2] || 30), mbits = Number(process.argv[3] || 2.5);
const viewers = 500, rate = 20; // per second
const flat = 1.05; // the last third's memory over the second one's

const began = { at: new Date(), load: load() };
const { out, err, report } = await tool('churn', '--from', 'whip', '--viewers', String(viewers), '--rate', String(rate), '--bits', String(mbits * 1e6),
  '--for', `${minutes}m`, '--every', `${Math.max(5, Math.round(minutes * 2))}s`);
const text = await write();
await writeFile(process.argv[4] || `${root}bench/churn.md`, text);
console.log(text);
process.exit(0);

async function write() {
  const { before, after, all, rows } = report;
  const mb = (r) => r.rss / 2 ** 20;
  const mean = (some) => some.reduce((a, r) => a + mb(r), 0) / some.length;
  // The first viewers stay for viewers / rate seconds; what counts is behind that.
  const full = rows.filter((r) => r.at > viewers / rate && r.viewers > 0.9 * viewers);
  const n = Math.ceil(full.length / 3);
  const [middle, last] = [full.slice(n, -n), full.slice(-n)].map((some) => (some.length ? mean(some) : undefined));
  const left = Math.max(0, after.goroutines - before.goroutines);
  const verdicts = [
    ['memory with all there, the last third of the time beside the second', 'flat', middle ? `${last.toFixed(1)} beside ${middle.toFixed(1)} MB` : 'too short to say', middle && last <= flat * middle],
    ['goroutines left when all have gone', '0', `${left} (${before.goroutines} before)`, left === 0],
    ['wrong packets', '0', `${all.wrong}; ${all.strays} of viewers that had the same port before and left without a word`, all.wrong === 0],
    ['joins', `${rate * minutes * 60}`, `${all.joins}, ${all.failed} failed${all.first_error ? `, the first one: ${all.first_error}` : ''}`, all.failed === 0],
  ].map(([what, must, measured, holds]) => [what, must, measured, holds === undefined ? '' : holds ? 'yes' : '**no**']);
  return `# Viewers that come and go

Made by \`make churn\`, at ${began.at.toISOString().slice(0, 16).replace('T', ' ')} UTC, of commit ${(await says('git', '-C', root, 'describe', '--always', '--dirty')) ?? 'unknown'}; ${minutes} minutes.
\`millrace bench churn\`: ${viewers} viewers of 1080p30 of ${mbits} Mbit/s and sound over WebRTC, ${rate} joins per second, and as many leave, a tenth of them
without a word. Each packet is opened, and each picture compared with what was published by WHIP. The server has one processor; the tool, which
encrypts for its publisher and decrypts for all viewers, has the other.

${table(['figure', 'must', 'measured', 'holds'], verdicts)}

${out.split('\n').filter((l) => l.startsWith('|')).join('\n')}

${listOf(err)}

${table(['', ''], [...(await machine()), ['load average at the start', began.load], ['at the end', load()]])}
`;
}
