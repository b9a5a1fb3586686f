// A viewer's link that becomes too thin for the stream, and wide again.

import { setTimeout as pause } from 'node:timers/promises';

import { until } from '../../test/browser/lib/until.mjs';
import { freePorts, Lab } from '../lib/lab.mjs';
import { Link } from '../lib/link.mjs';
import { median, ms, quantile, seconds, table } from '../lib/numbers.mjs';
import { house } from '../lib/theatre.mjs';

const best = 2_500_000, less = 800_000; // bit/s
const wide = 5_000_000, narrow = 1_000_000;
const calm = 5000, thin = 20_000, after = 8000; // ms
const queue = 64_000; // bytes that wait before the narrow place
const freeze = 200; // ms from one picture to the next that one sees as a freeze
const most = 500; // ms of freezing before the drop
const span = 500; // ms whose median delay counts
const near = 50; // ms beyond the delay before

export default {
  name: 'thin',
  limit: 130,
  figures: [
    { id: 'frozen', what: `a viewer's link drops from 5 to 1 Mbit/s for 20 s, a stream of 2.5 Mbit/s with a layer of 0.8: time with frozen picture`, must: '≤ 2 s' },
    { id: 'back', what: `the same without a layer: delay back to within ${near} ms of before, from the end of it`, must: '≤ 3 s' },
  ],

  async measure() {
    const layered = await run([less, best]), single = await run([best]);
    const back = ({ back: b }) => (b === undefined ? `not within ${seconds(after)}` : seconds(b));
    return {
      frozen: judged(layered, `${seconds(layered.frozen)}, ${ms(layered.longest)} at the longest`, layered.frozen <= 2000),
      back: judged(single, `${back(single)}; with the layer ${back(layered)}`, single.back !== undefined && single.back <= 3000),
      details: details([['with', layered], ['without', single]]),
    };
  },
};

/** Where pictures stood before the link was thin, the machine is to blame. */
const judged = ({ calm: { frozen } }, measured, holds) =>
  (frozen > most ? { measured: `${measured}; says nothing, as the picture stood for ${ms(frozen)} of the ${seconds(calm)} before, too` } : { measured, holds });

async function run(layers) {
  const lab = new Lab();
  try {
    const [rtc] = await freePorts(1);
    const { links, page } = await house(lab, { args: ['--rts-mode', 'half-second', `--rtc-addr=127.0.0.1:${rtc}`] });
    const link = lab.keep(await Link.start(rtc, { delay: 10, rate: wide, queue }));
    await page.evaluate(([url, o]) => globalThis.measure.keepCasting(url, o), [links.publish.whip, { layers, busy: true, start: 4000 }]);
    await page.evaluate(([url, ports]) => globalThis.measure.keepWatching(url, ports), [links.play.whep, { server: rtc, down: link.port }]);
    const rates = () => page.evaluate(() => globalThis.measure.castRates());
    await rates();
    let seen;
    await until('the whole bit rate', async () => (seen = await rates()).some((r) => r.rate > 0.8 * best), { timeout: 25_000, every: 1000 })
      .catch(() => { throw new Error(`Chromium publishes only ${mbit(seen)} Mbit/s`); });
    const held = () => page.evaluate(() => globalThis.held());
    await held();
    await pause(calm);
    const heldBefore = await held();
    const from = Date.now();
    link.conditions.rate = narrow;
    await rates();
    await pause(thin);
    const sent = await rates();
    const to = Date.now();
    link.conditions.rate = wide;
    await pause(after - 3000);
    await held();
    await pause(3000);
    const heldAfter = await held();
    const shown = await page.evaluate(() => globalThis.shown);
    return { ...judge(shown, from, to), sent, held: [heldBefore, heldAfter], full: link.full };
  } finally {
    await lab.close();
  }
}

/** Delays before, in it and after it; how long the picture stood. */
function judge(shown, from, to) {
  const part = (a, b) => shown.filter((s) => s.at >= a && s.at < b && s.delay !== undefined);
  const delays = (a, b) => part(a, b).map((s) => s.delay);
  const before = median(delays(from - calm * 2 / 3, from));
  // A picture may be late by itself: what counts is the median of each window.
  const windows = Array.from({ length: after / span }, (_, i) => delays(to + i * span, to + (i + 1) * span));
  const late = windows.findLastIndex((w) => w.length === 0 || median(w) > before + near);
  // The end of watching is not the end of a delay.
  const back = late >= windows.length - 2 ? undefined : (late + 1) * span;
  const stood = (a, b) => {
    const seen = shown.filter((s) => s.at >= a && s.at < b);
    const gaps = seen.slice(1).map((s, i) => s.at - seen[i].at);
    return { frozen: gaps.filter((g) => g > freeze).reduce((x, y) => x + y, 0), longest: Math.max(0, ...gaps), pictures: seen.length };
  };
  const heights = [...new Set(part(from, to).map((s) => s.height))].join(', ');
  return {
    before, back, heights, ...stood(from - 500, to + after), calm: stood(from - calm, from),
    narrow: quantiles(delays(from + 2000, to)), last: quantiles(delays(to + after - 3000, Infinity)),
  };
}

const mbit = (sent) => sent.map((s) => (s.rate / 1e6).toFixed(1)).join(' + ');
const quantiles = (all) => (all.length ? [0.5, 0.95].map((q) => quantile(all, q).toFixed(0)).join(' / ') : '–');

const details = (rows) => `### A link that becomes thin

Chromium publishes 640x360 of noise by WHIP, at most ${best / 1e6} Mbit/s, with or without a layer of half the height and ${less / 1e6} Mbit/s, and plays it by
WHEP through a UDP relay that lets ${wide / 1e6} Mbit/s through, ${narrow / 1e6} Mbit/s for ${thin / 1000} s, and ${wide / 1e6} Mbit/s again; ${queue / 1000} KB wait before it, what finds no room is lost,
and 10 ms are added each way. Half-second mode. The picture counts as frozen while none comes for more than ${freeze} ms, from the drop to ${after / 1000} s after its end.
Delays are from barcode to barcode, and back where the median of each half second is. From the first picture that its network makes late until a minute
after the last, the viewer is told to hold none of the best layer back; sound may come after them in that time.

${table(['layer', 'delay before, p50 ms', 'from 2 s on in it, p50 / p95 ms', 'at the end, p50 / p95 ms', 'held by the player before / at the end, ms', 'frozen s', 'longest ms', 'pictures', 'heights in it', 'found no room', 'published, Mbit/s', 'frozen before, ms'],
  rows.map(([name, r]) => [name, r.before.toFixed(0), r.narrow, r.last, r.held.map((h) => h.toFixed(0)).join(' / '), (r.frozen / 1000).toFixed(1), r.longest, r.pictures, r.heights, r.full,
    mbit(r.sent), r.calm.frozen]))}
`;
