// From a picture's making to its showing by hls.js: Low-Latency HLS, and the
// classic form with segments of 2 s.

import { short, spread, table } from '../lib/numbers.mjs';
import { theatre } from '../lib/theatre.mjs';
import { Lab } from '../lib/lab.mjs';

// ms before and while measuring. Classic HLS starts as many segments behind as it lists.
const ways = [
  { id: 'll', what: 'Low-Latency HLS', format: 'll', settings: { maxLiveSyncPlaybackRate: 1.2 }, must: 1500, warm: 8000, span: 8000 },
  { id: 'ts', what: 'HLS, MPEG-TS, segments of 2 s', format: 'ts', must: 6000, warm: 10_000, span: 8000 },
  { id: 'fmp4', what: 'HLS, fragmented MP4, segments of 2 s', format: 'fmp4', must: 6000, warm: 10_000, span: 8000 },
];

export default {
  name: 'hls',
  limit: 80,
  figures: ways.map(({ id, what, must }) => ({
    id, what: `ffmpeg over RTMP to Chromium by ${what} and hls.js, barcode to barcode, p50 / p95`, must: `≤ ${short(must)} ms / –`,
  })),

  async measure() {
    const lab = new Lab();
    try {
      const { links, page } = await theatre(lab);
      const figures = {}, rows = [];
      for (const { id, what, format, settings = {}, must, warm, span } of ways) {
        const url = links.play.hls + (links.play.hls.includes('?') ? '&' : '?') + `format=${format}`;
        const seen = await page.evaluate((all) => globalThis.measure.hls(...all), [url, settings, warm, span]);
        const s = spread(seen.delays);
        figures[id] = { measured: `${short(s.p50)} / ${short(s.p95)} ms`, holds: s.p50 <= must };
        rows.push([what, s.n, ...[s.p50, s.p95, s.p99, s.max, seen.target].map(short), short(seen.fps), seen.freezes, short(seen.longest), seen.errors.join(' ')]);
      }
      return { ...figures, details: details(rows) };
    } finally {
      await lab.close();
    }
  },
};

const details = (rows) => `### HLS

The broadcaster and the way of measuring are those of the latency above, with a key frame every 2 s. hls.js has its own
settings, but for Low-Latency HLS, which it plays up to 1.2 times as fast until it is where the playlist's hold-back wants
it: otherwise it stays as late as its start was.

${table(['way', 'pictures', 'p50 ms', 'p95 ms', 'p99 ms', 'max ms', 'aimed at ms', 'fps', 'freezes', 'longest gap ms', 'errors'], rows)}
`;
