// Publishers whose clocks drift, for a long time: does the delay of their
// viewers grow?
//
//   node bench/soak.mjs [minutes [ppm [mode]]]    30, 200 and half-second by default; writes bench/soak.md
//
// Pictures with the time in them as a barcode, and sound, come as from a
// broadcaster whose clock is 200 ppm fast, or slow; `millrace publish` sends
// them as they come; a browser plays both by WHEP.

import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { binary, Lab, root, scratch, says } from './lib/lab.mjs';
import { load } from './lib/machine.mjs';
import { quantile, short, table } from './lib/numbers.mjs';
import { Source } from './lib/source.mjs';
import { house } from './lib/theatre.mjs';

const minutes = Number(process.argv[2] || 30);
const most = Number(process.argv[3] || 200); // ppm
const mode = process.argv[4] || 'half-second';
const drifts = [most, -most];
const settling = 20_000; // ms, in which viewers find their delay

/** Sound that nobody needs to convert, and a container that holds nothing back. */
const format = [
  '-y', '-c:a', 'libopus', '-b:a', '96k', '-frame_duration', '20',
  '-f', 'mpegts', '-muxdelay', '0', '-muxpreload', '0', '-pes_payload_size', '0', '-flush_packets', '1',
];

const lab = new Lab();
try {
  const { server, page, open } = await house(lab, { args: ['--rts-mode', mode] });
  const began = { at: new Date(), load: load() };
  const viewers = [];
  for (const [i, ppm] of drifts.entries()) {
    const links = await server.links(`live/drift${i}`);
    const pipe = join(scratch, `drift${i}.ts`);
    execFileSync('mkfifo', [pipe]);
    await Source.start(lab, pipe, { more: format, ppm });
    const sender = lab.start(binary, ['publish', links.publish.whip, '-i', pipe, '--fast', '--wait']);
    sender.ended.then((status) => console.error(`soak: publisher of ${ppm} ppm ended with ${status}: ${sender.err.slice(-300)}`));
    viewers.push({ ppm, page: i === 0 ? page : (await open()).page, url: links.play.whep, minutes: [] });
  }
  await pause(2000);
  for (const v of viewers) await v.page.evaluate((url) => globalThis.measure.keepWatching(url), v.url);
  await pause(settling);
  for (let m = 0; m < minutes; m++) {
    for (const v of viewers) await v.page.evaluate(() => (globalThis.shown.length = 0));
    await pause(60_000);
    for (const v of viewers) v.minutes.push(await minute(v.page));
    console.error(`soak: minute ${m + 1}: ${viewers.map((v) => `${v.ppm} ppm p50 ${short(v.minutes.at(-1).p50)} ms`).join(', ')}; load ${load()}`);
  }
  const text = await report(viewers, began);
  await writeFile(`${root}bench/soak.md`, text);
  console.log(text);
} finally {
  await lab.close();
}
process.exit(0);

/** What was shown since the last look. */
async function minute(page) {
  const shown = await page.evaluate(() => globalThis.shown.splice(0));
  const delays = shown.map((s) => s.delay).filter((d) => d !== undefined);
  const gaps = shown.slice(1).map((s, i) => s.at - shown[i].at);
  return { p50: quantile(delays, 0.5), p95: quantile(delays, 0.95), pictures: shown.length, longest: Math.max(0, ...gaps) };
}

async function report(viewers, { at, load: first }) {
  const commit = (await says('git', '-C', root, 'describe', '--always', '--dirty')) ?? 'unknown';
  const verdicts = viewers.map((v) => {
    const [a, z] = [v.minutes[0].p50, v.minutes.at(-1).p50];
    return [`${v.ppm} ppm`, short(a), short(z), short(z - a), Math.abs(z - a) <= 50 ? 'yes' : '**no**'];
  });
  const rows = viewers[0].minutes.map((_, i) => [i + 1, ...viewers.flatMap((v) => {
    const m = v.minutes[i];
    return [short(m.p50), short(m.p95), m.pictures, m.longest];
  })]);
  return `# Drifting publishers

Made by \`make drift\`, at ${at.toISOString().slice(0, 16).replace('T', ' ')} UTC, of commit ${commit}; ${minutes} minutes.
Load average at the start ${first}, at the end ${load()}. ffmpeg (H264, Opus) → \`millrace publish\` (WHIP) → server → Chromium (WHEP), barcode to barcode,
with sound, in ${mode} mode. Two clocks that differ by ${most} ppm are ${short(minutes * 60 * most / 1000)} ms apart after ${minutes} minutes. The delay must stay within 50 ms of the start.

${table(['publisher clock', 'p50 of the first minute, ms', 'of the last', 'difference', 'holds'], verdicts)}

${table(['minute', ...viewers.flatMap((v) => [`${v.ppm} ppm: p50 ms`, 'p95 ms', 'pictures', 'longest gap ms'])], rows)}
`;
}
