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

trial('the page plays stereo: left stays left', async (bench) => {
  const server = await bench.server();
  const links = await server.links('live/stereo');
  await bench.publish(links.publish.rtmp, {
    audio: ['-af', 'pan=stereo|c0=c0|c1=0*c0', '-c:a', 'aac', '-b:a', '96k'],
  });
  const page = await bench.open(server.page);
  await page.getByLabel(/Stream or its address/).fill(links.play.artc);
  await page.getByRole('button', { name: 'Play', exact: true }).last().click();
  await playing(page);
  const sides = await page.locator('video').first().evaluate(async (v) => {
    const context = new AudioContext();
    await context.resume();
    const split = new ChannelSplitterNode(context, { numberOfOutputs: 2 });
    context.createMediaStreamSource(v.srcObject).connect(split);
    const ears = [0, 1].map((i) => { const a = new AnalyserNode(context); split.connect(a, i); return a; });
    const level = (a) => { const w = new Float32Array(a.fftSize); a.getFloatTimeDomainData(w); return Math.hypot(...w) / Math.sqrt(w.length); };
    for (let tries = 0; tries < 40 && level(ears[0]) < 0.01; tries++) await new Promise((r) => setTimeout(r, 200));
    return ears.map(level);
  });
  assert.ok(sides[0] > 0.02 && sides[1] < sides[0] / 20, `left ${sides[0]}, right ${sides[1]}`);
});
