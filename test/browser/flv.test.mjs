// mpegts.js plays HTTP-FLV and WS-FLV, and the page does both ways at once.

import assert from 'node:assert/strict';

import { playing, trial, until } from './harness.mjs';

const flv = (page, url) => page.evaluate((url) => {
  globalThis.errors = [];
  const player = globalThis.mpegts.createPlayer({ type: 'flv', isLive: true, url }, { liveBufferLatencyChasing: true });
  player.on(globalThis.mpegts.Events.ERROR, (...e) => globalThis.errors.push(e));
  player.attachMediaElement(document.querySelector('video'));
  player.load();
  globalThis.player = player;
}, url);

for (const [name, scheme] of [['HTTP-FLV', 'http:'], ['WS-FLV', 'ws:']]) {
  trial(`mpegts.js plays ${name}, B-frames and all`, async (bench) => {
    const server = await bench.server();
    const links = await server.links('live/flv');
    await bench.publish(links.publish.rtmp, { profile: 'main', bframes: 2 });
    const page = await bench.open((await bench.site({ load: ['/mpegts.js'] })).page);
    await flv(page, links.play.flv.replace('http:', scheme));
    const seen = await playing(page);
    assert.deepEqual([seen.width, seen.height], [640, 360]);
    assert.deepEqual(await page.evaluate(() => globalThis.errors), []);
    await page.evaluate(() => globalThis.player.destroy());
    await until('the server has let the viewer go', async () => (await server.metric('millrace_httplive_viewers')) === 0);
  });
}

trial('the page shows both ways and the delay of each, over HTTPS too', async (bench) => {
  const server = await bench.server({ demo: true, tls: true });
  for (const address of [server.page, server.securePage]) {
    const page = await bench.open(address);
    await playing(page);
    await until('two delays in milliseconds', async () => {
      const text = await page.evaluate(() => document.body.innerText);
      return (text.match(/\d ?m?s\s+delay/g) ?? []).length === 2;
    });
    await page.close();
  }
});
