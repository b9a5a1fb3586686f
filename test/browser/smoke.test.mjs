// The shortest ways through everything: if these fail, look here first.

import assert from 'node:assert/strict';

import { playing, trial, until } from './harness.mjs';

trial('the page plays the demo stream', async (bench) => {
  const server = await bench.server({ demo: true });
  const page = await bench.open(server.page);
  const { width, height } = await playing(page);
  assert.ok(width > 0 && height > 0);
});

trial('from ffmpeg to the vendor SDK on another site', async (bench) => {
  const server = await bench.server();
  const links = await server.links('live/smoke');
  await bench.publish(links.publish.rtmp);

  const site = await bench.site({ load: ['/aliyun-rts-sdk.js'] });
  const page = await bench.open(site.page);
  await page.evaluate(async (url) => {
    const client = globalThis.AliRTS.createClient({ trackLog: false, customReporter: () => {} });
    globalThis.statuses = [];
    client.on('connectStatusChange', (e) => globalThis.statuses.push(e.status));
    const stream = await client.subscribe(url);
    stream.play(document.querySelector('video'));
    globalThis.leave = () => client.unsubscribe();
  }, links.play.artc);

  const seen = await playing(page);
  assert.deepEqual([seen.width, seen.height], [640, 360]);
  assert.deepEqual(seen.tracks, ['audio', 'video']);
  assert.deepEqual(await page.evaluate(() => globalThis.statuses.slice(0, 2)), [1, 2]);

  await page.evaluate(() => globalThis.leave());
  await until('the server has let the viewer go', async () => (await server.metric('millrace_readers')) === 0);
});
