// From a picture's making to its showing by hls.js: Low-Latency HLS, and the
// classic form with segments of 2 s.

import { short, spread, table } from '../lib/numbers.mjs';
import { theatre } from '../lib/theatre.mjs';
import { Lab } from '../lib/lab.mjs';

// How often each starts, and ms between the first picture and measuring, and of that.
const ways = [
  { id: 'll', what: 'Low-Latency HLS', format: 'll', must: 1500, starts: 5, warm: 1500, span: 3500 },
  { id: 'ts', what: 'HLS, MPEG-TS, segments of 2 s', format: 'ts', must: 6000, starts: 3, warm: 1000, span: 2500 },
  { id: 'fmp4', what: 'HLS, fragmented MP4, segments of 2 s', format: 'fmp4', must: 6000, starts: 3, warm: 1000, span: 2500 },
];

export default {
  name: 'hls',
  limit: 110,
  figures: ways.map(({ id, what, must }) => ({
    id, what: `ffmpeg over RTMP to Chromium by ${what} and hls.js, barcode to barcode, p50 / p95`, must: `≤ ${short(must)} ms / –`,
  })),

  async measure() {
    const lab = new Lab();
    try {
      const { links, page } = await theatre(lab);
      const urls = ways.map(({ format }) => links.play.hls + (links.play.hls.includes('?') ? '&' : '?') + `format=${format}`);
      await page.evaluate((urls) => globalThis.measure.keepHLS(urls, 4), [...new Set(urls)]);
      const figures = {}, rows = [];
      for (const [i, { id, what, must, starts, warm, span }] of ways.entries()) {
        const all = [], middles = [];
        for (let n = 0; n < starts; n++) {
          const seen = await page.evaluate((all) => globalThis.measure.hls(...all), [urls[i], warm, span]);
          if (seen.delays.length > 0) middles.push(spread(seen.delays).p50);
          all.push(seen);
        }
        const sum = (name) => all.reduce((n, seen) => n + seen[name], 0);
        const s = spread(all.flatMap((seen) => seen.delays)); // each start counts for as long
        figures[id] = { measured: `${short(s.p50)} / ${short(s.p95)} ms`, holds: s.p50 <= must };
        rows.push([
          what, middles.map(short).join(', '), s.n, ...[s.p50, s.p95, s.max, all.at(-1).target].map(short), all.map((seen) => short(seen.first)).join(', '),
          short(sum('fps') / starts), sum('freezes'), all.flatMap((seen) => seen.errors).join(' '),
        ]);
      }
      return { ...figures, details: details(rows) };
    } finally {
      await lab.close();
    }
  },
};

const details = (rows) => `### HLS

The broadcaster and the way of measuring are those of the latency above, with a key frame every 2 s. The player is hls.js
with its own settings, which stays for good as late as its start was: it starts several times, while the stream is being
packaged for others.

${table(['way', 'p50 ms of each start', 'pictures', 'p50 ms', 'p95 ms', 'max ms', 'aimed at ms', 'first picture ms', 'fps', 'freezes', 'errors'], rows)}
`;
