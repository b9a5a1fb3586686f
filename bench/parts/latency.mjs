// From a picture's making to its showing: two runs, each with a server, a
// broadcaster and a browser of its own.

import { setTimeout as pause } from 'node:timers/promises';

import { encoder } from '../lib/source.mjs';
import { median, short, spread, table } from '../lib/numbers.mjs';
import { forwarding, passed, theatre } from '../lib/theatre.mjs';
import { Lab } from '../lib/lab.mjs';

const runs = 2;
const floor = [1500, 5000], webrtc = [8000, 12_000], flv = [3000, 6000]; // ms before and while measuring

export default {
  name: 'latency',
  limit: 110,
  figures: [
    { id: 'webrtc', what: 'ffmpeg over RTMP to Chromium over WebRTC, barcode to barcode, p50 / p95', must: '≤ 150 / 250 ms' },
    { id: 'flv', what: 'the same by HTTP-FLV and mpegts.js with live chasing, p50 / p95', must: '≤ 600 ms / –' },
    { id: 'floor', what: 'floor: two `RTCPeerConnection`s in one page, no server, p50 / p95', must: 'for information' },
  ],

  async measure() {
    const seen = [];
    for (let i = 0; i < runs; i++) seen.push(await run());
    const of = (way) => [median(seen.map((r) => r[way].p50)), median(seen.map((r) => r[way].p95))];
    const [p50, p95] = of('webrtc');
    const both = (way) => ({ measured: of(way).map(short).join(' / ') + ' ms' });
    return {
      webrtc: { ...both('webrtc'), holds: p50 <= 150 && p95 <= 250 }, flv: { ...both('flv'), holds: of('flv')[0] <= 600 }, floor: both('floor'),
      details: details(seen),
    };
  },
};

async function run() {
  const lab = new Lab();
  try {
    const { server, links, source, page } = await theatre(lab);
    const none = await page.evaluate(([warm, span]) => globalThis.measure.floor(warm, span), floor);
    source.late.length = 0;
    const playing = page.evaluate(([url, warm, span]) => globalThis.measure.whep(url, warm, span), [links.play.whep, ...webrtc]);
    playing.catch(() => {}); // it is awaited below
    await pause(webrtc[0]); // the join is not part of it
    const before = await forwarding(server);
    const live = await playing;
    const part = passed(before, await forwarding(server));
    const late = spread(source.late);
    const slow = await page.evaluate(([url, warm, span]) => globalThis.measure.flv(url, warm, span), [links.play.flv, ...flv]);
    return { floor: of(none), webrtc: of(live), flv: of(slow), stats: live.stats, part, late, ends: ends(live.delays) };
  } finally {
    await lab.close();
  }
}

const of = ({ delays, ...rest }) => ({ ...rest, ...spread(delays) });

/** Medians of the first and the last quarter: whether the delay grows. */
function ends(delays) {
  const n = delays.length >> 2;
  return [median(delays.slice(0, n)), median(delays.slice(-n))];
}

function details(seen) {
  const row = (r, i) => (name, key) => {
    const w = r[key];
    return [i + 1, name, w.n, ...[w.p50, w.p95, w.p99, w.max].map(short), short(w.fps), w.freezes, short(w.longest), w.unread];
  };
  const rows = seen.flatMap((r, i) => [['WebRTC', 'webrtc'], ['HTTP-FLV', 'flv'], ['floor', 'floor']].map(([name, key]) => row(r, i)(name, key)));
  const stats = seen.map(({ stats: s, part, late, ends: [a, z] }, i) => [
    i + 1, `${short(a)} / ${short(z)}`, short(s.jitterVideo), short(s.jitterAudio), short(s.decode), s.lost, s.dropped, s.freezes,
    `${short(part.mean)} / ≤ ${short(part.p99)}`, `${short(late.p50)} / ${short(late.p99)}`,
  ]);
  const [{ stats: s }] = seen;
  return `### Latency

A script writes raw pictures, 640x360 at 30 fps, into ffmpeg and draws the time of writing into each as a barcode; the page
reads it when \`requestVideoFrameCallback\` says that the picture is shown. Encoding, RTMP, the server, the jitter buffer,
decoding and up to one refresh of the display are all in it. Server, broadcaster and browser are one machine and share its
processors. The figures above are medians of ${runs} runs. ffmpeg: \`${encoder.join(' ')}\`, with a sine as sound.

${table(['run', 'way', 'pictures', 'p50 ms', 'p95 ms', 'p99 ms', 'max ms', 'fps', 'freezes', 'longest gap ms', 'unread'], rows)}

The browser played ${s.codecs} (\`${s.profile}\`), ${s.cipher}. Below is what it said of the WebRTC runs, what the server's
metrics said at the same time, and how late the script wrote its pictures. Where the delay grows from the first to the last
quarter, that is lip sync: the browser holds pictures back for their sound, which waits in a jitter buffer of its own.

${table(['run', 'p50 of the first / last quarter ms', 'jitter buffer video ms', 'audio ms', 'decoding ms', 'packets lost', 'pictures dropped', 'freezes', 'frame in → last packet out, mean / p99 ms', 'written late, p50 / p99 ms'], stats)}
`;
}
