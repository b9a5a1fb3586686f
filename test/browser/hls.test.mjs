// hls.js plays HLS and Low-Latency HLS, and so does the page.

import assert from 'node:assert/strict';

import { playing, trial, until, whip } from './harness.mjs';

const format = (url, name) => `${url}${url.includes('?') ? '&' : '?'}format=${name}`;

const hls = (page, url) => page.evaluate((url) => {
  globalThis.errors = [];
  globalThis.loaded = [];
  const player = new globalThis.Hls({ lowLatencyMode: true });
  player.on(globalThis.Hls.Events.ERROR, (_, e) => e.fatal && globalThis.errors.push(`${e.type} ${e.details}`));
  player.on(globalThis.Hls.Events.FRAG_LOADED, (_, e) => globalThis.loaded.push(e.part ? 'part' : 'segment'));
  player.attachMedia(document.querySelector('video'));
  player.loadSource(url);
  globalThis.player = player;
}, url);

const loaded = (page, what) => page.evaluate((what) => globalThis.loaded.filter((x) => x === what).length, what);

for (const [name, form, piece] of [['HLS of MPEG-TS', 'ts', 'segment'], ['HLS of fragmented MP4', 'fmp4', 'segment'], ['Low-Latency HLS', 'll', 'part']]) {
  trial(`hls.js plays ${name}, B-frames and all`, async (bench) => {
    const server = await bench.server();
    const links = await server.links('live/hls');
    await bench.publish(links.publish.rtmp, { profile: 'main', bframes: 2 });
    const page = await bench.open((await bench.site({ load: ['/hls.js'] })).page);
    await hls(page, format(links.play.hls, form));
    const seen = await playing(page, { timeout: 40_000 });
    assert.deepEqual([seen.width, seen.height], [640, 360]);
    await until(`more of it, by the ${piece}`, async () => (await loaded(page, piece)) >= 4);
    assert.deepEqual(await page.evaluate(() => globalThis.errors), []);
    assert.equal(await server.metric('millrace_hls_viewers'), 1);
    await page.evaluate(() => globalThis.player.destroy());
  });
}

trial('hls.js plays what a browser publishes by WHIP, over HTTPS', async (bench) => {
  const server = await bench.server({ tls: true });
  const links = await server.links('live/cast', '--https-addr', `:${server.ports.https}`);
  const site = await bench.site({ load: ['/hls.js'] });
  const caster = await bench.open(site.page);
  await whip(caster, links.publish.whip);
  const page = await bench.open(site.page);
  await hls(page, format(links.play.hls, 'll'));
  await playing(page, { timeout: 40_000 });
  const heard = await page.evaluate(() => document.querySelector('video').webkitAudioDecodedByteCount);
  assert.ok(heard > 0, 'the sound is decoded');
  assert.deepEqual(await page.evaluate(() => globalThis.errors), []);
});

trial('the page plays Low-Latency HLS beside WebRTC', async (bench) => {
  const server = await bench.server({ demo: true });
  const page = await bench.open(server.page);
  await page.getByLabel('Way of playing').selectOption('Low-Latency HLS');
  await until('both delays', () => page.getByText(/closer to live than (Low-Latency HLS|WebRTC now)/).isVisible());
  assert.equal(await server.metric('millrace_hls_viewers'), 1);
  assert.equal(await server.metric('millrace_httplive_viewers'), 0);
});
