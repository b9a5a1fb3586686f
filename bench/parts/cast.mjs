// From a browser by WHIP to the server and by WHEP to a browser, beside two
// connections in one page with nothing between them.

import { cpus } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';

import { binary, freePorts, Lab, says } from '../lib/lab.mjs';
import { Link } from '../lib/link.mjs';
import { median, ms, short, spread, table } from '../lib/numbers.mjs';
import { forwarding, house, passed } from '../lib/theatre.mjs';
import { until } from '../../test/browser/lib/until.mjs';

const runs = 1;
const warm = 3000, span = 6000; // ms
const silence = 2000; // ms after which a publisher counts as dead
const conditions = { delay: 20, jitter: 3, loss: 0.02 };
const ways = [
  ['floor', 'floor, picture'], ['floorSound', 'floor, with sound'],
  ['plain', 'server, picture'], ['sound', 'server, with sound'],
  ['lossy', 'links, picture'], ['lossySound', 'links, with sound'],
];

export default {
  name: 'cast',
  limit: 190,
  figures: [
    { id: 'plain', what: 'Chromium by WHIP → server → Chromium by WHEP, half-second mode, barcode to barcode, p50 / p95', must: '≤ floor + 30 / + 50 ms' },
    { id: 'sound', what: 'the same with sound, beside the floor with sound', must: '≤ floor + 30 / + 50 ms' },
    { id: 'floor', what: 'its floor: two `RTCPeerConnection`s in one page, no server, without / with sound', must: 'for information' },
    { id: 'lossy', what: 'through 20 ± 3 ms each way and 2 % loss on both legs, picture / with sound', must: '≤ 160 / 250 ms' },
    { id: 'one', what: 'packet in → packet out in the server, 1 viewer, p99', must: '≤ 2 ms' },
    { id: 'hundred', what: 'the same, 100 viewers', must: '≤ 2 ms' },
    { id: 'back', what: "publisher back → viewer's picture moves, after a kill without goodbye", must: '≤ 1 s' },
  ],

  async measure() {
    const seen = [];
    for (let i = 0; i < runs; i++) seen.push(await run());
    const of = (way) => [median(seen.map((r) => r[way].p50)), median(seen.map((r) => r[way].p95))];
    const text = (...ways) => ways.map((w) => of(w).map(short).join(' / ')).join('; ') + ' ms';
    const within = (way, floor, a, b) => of(way)[0] <= of(floor)[0] + a && of(way)[1] <= of(floor)[1] + b;
    const one = Math.max(...seen.map((r) => r.part.p99));
    const hundred = await crowd();
    const back = await returning();
    const free = back.filter((b) => b.wait > silence).map((b) => b.moving);
    return {
      plain: { measured: `${text('plain')}: ${above(of('plain'), of('floor'))}`, holds: within('plain', 'floor', 30, 50) },
      sound: { measured: `${text('sound')}: ${above(of('sound'), of('floorSound'))}`, holds: within('sound', 'floorSound', 30, 50) },
      floor: { measured: text('floor', 'floorSound') },
      lossy: {
        measured: text('lossy', 'lossySound'),
        holds: ['lossy', 'lossySound'].every((w) => of(w)[0] <= 160 && of(w)[1] <= 250),
      },
      one: { measured: `≤ ${short(one)} ms`, holds: one <= 2 },
      hundred: { measured: `≤ ${short(hundred.p99)} ms`, holds: hundred.p99 <= 2 },
      back: {
        measured: `${ms(median(free))} after the POST, at most ${ms(Math.max(...free))}; after a POST that comes before the old one counts as dead, see below`,
        holds: median(free) <= 1000,
      },
      details: details(seen, hundred, back),
    };
  },
};

const above = (x, floor) => `floor ${x.map((v, i) => (v >= floor[i] ? '+ ' : '− ') + short(Math.abs(v - floor[i]))).join(' / ')}`;

async function run() {
  const lab = new Lab();
  try {
    const [rtc] = await freePorts(1);
    const { server, page } = await house(lab, { args: ['--rts-mode', 'half-second', `--rtc-addr=127.0.0.1:${rtc}`] });
    const floor = (sound) => page.evaluate(([w, s, o]) => globalThis.measure.floor(w, s, o), [warm / 2, span, { sound }]);
    // A stream for each way: one that lingers still has the tracks of the way before.
    const cast = async (way, options) => {
      const { publish, play } = await server.links(`live/${way}`);
      const all = { whip: publish.whip, whep: play.whep, ...options };
      const seen = of(await page.evaluate(([o, w, s]) => globalThis.measure.cast(o, w, s), [all, warm, span]));
      if (Boolean(options.sound) !== Number.isFinite(seen.stats.jitterAudio)) throw new Error(`${way}: the sound is ${seen.stats.jitterAudio}`);
      return seen;
    };
    const result = { floor: of(await floor(false)), floorSound: of(await floor(true)) };
    const playing = cast('plain', {});
    playing.catch(() => {}); // it is awaited below
    await pause(warm); // the join is not part of it
    const before = await forwarding(server);
    result.plain = await playing;
    result.part = passed(before, await forwarding(server));
    result.sound = await cast('sound', { sound: true });
    const [up, down] = [lab.keep(await Link.start(rtc, conditions)), lab.keep(await Link.start(rtc, conditions))];
    const ports = { server: rtc, up: up.port, down: down.port };
    result.lossy = await cast('lossy', { ports });
    result.lossySound = await cast('lossySound', { ports, sound: true });
    if (up.lost === 0 || down.lost === 0) throw new Error('no datagram took the way through the links');
    return result;
  } finally {
    await lab.close();
  }
}

const of = ({ delays, ...rest }) => ({ ...rest, ...spread(delays) });

/**
 * A hundred viewers beside a publisher in a browser. The server has core 0, all
 * else has core 1, where there are two and there is taskset.
 */
async function crowd() {
  const lab = new Lab();
  const pinned = (await says('taskset', '-acp', '1', String(process.pid))) !== undefined;
  try {
    const { server, links, page } = await house(lab, { args: ['--rts-mode', 'half-second'] });
    if (pinned) await says('taskset', '-acp', '0', String(server.program.pid));
    await page.evaluate((url) => globalThis.measure.keepCasting(url), links.publish.whip);
    const viewers = lab.run(binary, ['bench', '--viewers', '100', '--for', '8s', '--url', links.play.whep]);
    viewers.catch(() => {}); // it is awaited below
    await until('a hundred viewers', async () => (await server.metric('millrace_rtc_sessions')) >= 101, { timeout: 30_000 });
    await pause(2500); // the joins are not part of it
    const before = await forwarding(server);
    await pause(4000);
    const part = passed(before, await forwarding(server));
    return { ...part, pinned, table: (await viewers).out };
  } finally {
    await lab.close();
    if (pinned) await says('taskset', '-acp', `0-${cpus().length - 1}`, String(process.pid));
  }
}

/** Ends a page's process without a goodbye. */
async function dies({ browser, page }) {
  const session = await browser.context.newCDPSession(page);
  await Promise.race([session.send('Page.crash').catch(() => {}), pause(1000)]);
}

/** A viewer stays while the publisher's browser is killed and another one comes. */
async function returning() {
  const lab = new Lab();
  try {
    const { links, page, open } = await house(lab);
    const seen = [];
    let caster = await open();
    await caster.page.evaluate((url) => globalThis.measure.keepCasting(url), links.publish.whip);
    await page.evaluate((url) => globalThis.measure.keepWatching(url), links.play.whep);
    const last = () => page.evaluate(() => globalThis.shown.at(-1)?.at ?? 0);
    for (const wait of [500, 2500, 500, 2500]) { // ms between the kill and the next POST
      await until('pictures', async () => Date.now() - (await last()) < 100);
      const next = await open();
      await dies(caster);
      await pause(wait);
      const posted = Date.now(); // evaluate() adds a ms or two
      const answered = await next.page.evaluate((url) => globalThis.measure.keepCasting(url), links.publish.whip);
      const moved = await until('the picture moves', () => page.evaluate((at) => globalThis.shown.find((s) => s.at > at)?.at, posted));
      seen.push({ wait, answered, moving: moved - posted });
      caster = next;
    }
    return seen;
  } finally {
    await lab.close();
  }
}

function details(seen, hundred, back) {
  const rows = seen.flatMap((r, i) => ways.map(([id, name]) => {
    const w = r[id];
    return [i + 1, name, w.n, ...[w.p50, w.p95, w.p99, w.max].map(short), short(w.fps), w.freezes, short(w.longest), w.unread];
  }));
  const stats = seen.flatMap((r, i) => ways.slice(2).map(([id, name]) => {
    const s = r[id].stats;
    return [i + 1, name, short(s.jitterVideo), short(s.jitterAudio), short(s.decode), s.lost, s.dropped, s.freezes];
  }));
  const [{ sound: { stats: s } }] = seen;
  return `### Chromium to Chromium

One page draws the barcode of the clock on a canvas, 640x360 at 30 fps and at most 1 Mbit/s, publishes it by WHIP, plays it by
WHEP, and reads the barcode when \`requestVideoFrameCallback\` says that the picture is shown. The floor is the same canvas sent
from one \`RTCPeerConnection\` to another in that page. The domain is in half-second mode. The links are UDP relays of this
bench, one for each leg: ${conditions.delay} ± ${conditions.jitter} ms and ${conditions.loss * 100} % loss in each direction, order kept, timers of 1 ms. Sound is a tone.
Each way was watched for ${span / 1000} s${runs > 1 ? `, ${runs} times; the figures above are medians` : ''}.

${table(['run', 'way', 'pictures', 'p50 ms', 'p95 ms', 'p99 ms', 'max ms', 'fps', 'freezes', 'longest gap ms', 'unread'], rows)}

The browser played ${s.codecs} (\`${s.profile}\`), ${s.cipher}. What it said:

${table(['run', 'way', 'jitter buffer video ms', 'audio ms', 'decoding ms', 'packets lost', 'pictures dropped', 'freezes'], stats)}

The server's own part, from a datagram's arrival to its last copy's send, as its metric says: 1 viewer, by run,
${seen.map((r) => `${short(r.part.mean)} / ≤ ${short(r.part.p99)}`).join('; ')} ms (mean / p99); 100 viewers${hundred.pinned ? ', the server on one core and all else on the other,' : ''} ${short(hundred.mean)} / ≤ ${short(hundred.p99)} ms. What those saw:

${hundred.table.trim()}

**A publisher that comes back.** Its page is crashed, which says no goodbye; another browser publishes the same stream, and the viewer's session stays.
A name belongs to a publisher until it has been silent for ${silence / 1000} s: an earlier POST is answered then, not refused.

${table(['POST after the kill, ms', 'answered after ms', 'POST → picture moves ms'], back.map((b) => [b.wait, b.answered, b.moving].map(short)))}
`;
}
