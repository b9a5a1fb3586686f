// What every measurement with a picture needs: a server, a broadcaster, and a
// browser with the page that measures.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { Browser } from '../../test/browser/lib/browser.mjs';
import { Server } from '../../test/browser/lib/server.mjs';
import { scripts, Site } from '../../test/browser/lib/site.mjs';
import { until } from '../../test/browser/lib/until.mjs';
import { module } from './module.mjs';
import { Source } from './source.mjs';

const here = (path) => fileURLToPath(new URL(`../page/${path}`, import.meta.url));
const stream = 'live/bench';

/** A server and a browser with the page that measures; open() gives more such pages. */
export async function house(lab, { args = [] } = {}) {
  for (const name of ['barcode', 'sdp']) scripts[`/${name}.js`] = (await module(name)).file;
  for (const name of ['measure', 'floor', 'cast', 'stage', 'whep', 'hear']) scripts[`/${name}.js`] = here(`${name}.js`);
  const server = lab.keep(await Server.start({ args: ['--log-level', 'warn', ...args] }));
  const links = await server.links(stream);
  const site = lab.keep(await Site.start({ html: await readFile(here('index.html'), 'utf8') }));
  const open = async () => {
    const browser = lab.keep(await Browser.start());
    const page = await browser.open(site.page);
    await page.waitForFunction(() => globalThis.measure);
    return { browser, page };
  };
  return { server, links, open, ...(await open()) };
}

/** The same, with the same options, and a broadcaster; returns when the stream has run for a second or so. */
export async function theatre(lab, options) {
  const { server, links, page } = await house(lab, options);
  const source = await Source.start(lab, links.publish.rtmp);
  await until('the stream', async () => {
    if (source.program.status !== undefined) throw new Error(`ffmpeg has ended: ${source.program.err}`);
    return (await server.metric('millrace_rtmp_received_bytes_total')) > 200_000;
  });
  return { server, links, source, page };
}

const bounds = [0.0002, 0.0005, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.01, 0.02, 0.04, 0.1, 0.3, 1, 3];

/** The server's histogram of how long frames take through it. */
export async function forwarding(server) {
  const name = 'millrace_rtc_forward_seconds';
  const metric = await server.metrics(); // at one moment, or they would not add up
  const counts = bounds.map((le) => metric(`${name}_bucket`, `le="${le}"`));
  return { counts, n: metric(`${name}_count`), sum: metric(`${name}_sum`) };
}

/** Mean and 99th percentile between two looks, ms; the latter is a bucket's upper bound. */
export function passed(before, after) {
  const n = after.n - before.n;
  if (n === 0) throw new Error('the server has forwarded nothing');
  const i = bounds.findIndex((_, k) => after.counts[k] - before.counts[k] >= 0.99 * n);
  return { mean: (after.sum - before.sum) / n * 1000, p99: i < 0 ? Infinity : bounds[i] * 1000 };
}
