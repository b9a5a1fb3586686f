// A publisher that changes, moves or comes back: viewers stay where they are.

import assert from 'node:assert/strict';

import { changes, loudness, playing, state, stats, trial, until, whep, whip } from './harness.mjs';

/** A viewer that counts how often it had to ask. */
async function viewer(bench, address, url, options) {
  const page = await bench.open(address);
  let posts = 0;
  page.on('request', (r) => { posts += r.method() === 'POST' ? 1 : 0; });
  const answer = await whep(page, url, options);
  assert.equal(answer.status, 201, answer.body);
  await playing(page);
  return { page, posts: () => posts };
}

trial('a publisher killed without a goodbye is back in the same session', async (bench) => {
  const server = await bench.server();
  const links = await server.links('live/killed');
  const site = (await bench.site()).page;
  const [first, second] = await Promise.all([bench.browser(), bench.browser()]);
  assert.equal((await whip(await first.open(site), links.publish.whip)).status, 201);
  const to = await viewer(bench, site, links.play.whep);
  const again = await second.open(site);
  const killed = Date.now();
  await first.kill();
  const answer = await whip(again, links.publish.whip);
  assert.equal(answer.status, 201, answer.body);
  const moved = await changes(to.page);
  console.log(`# killed; taken over ${Math.round(answer.answered - killed)} ms later, the picture moved ${Math.round(moved - answer.answered)} ms after that`);
  assert.ok(moved - killed < 20_000, `${moved - killed} ms`);
  await playing(to.page);
  const heard = await loudness(to.page);
  assert.ok(Math.abs(heard.peak - 440) < 15, `the tone of 440 Hz is heard at ${heard.peak} Hz`);
  assert.equal(to.posts(), 1);
});

trial("viewers stay through a publisher's reload, another size and another codec", async (bench) => {
  const server = await bench.server();
  const links = await server.links('live/changes');
  const site = (await bench.site()).page;
  const from = await bench.open(site);
  assert.equal((await whip(from, links.publish.whip, { codecs: ['VP8'] })).status, 201);
  const to = await viewer(bench, site, links.play.whep);
  assert.equal((await stats(to.page)).videoCodec, 'video/VP8');

  await from.reload();
  await until('the reloaded page publishes H264', async () => (await whip(from, links.publish.whip, { codecs: ['H264'] })).status === 201);
  await until('H264 at the viewer', async () => (await stats(to.page)).videoCodec === 'video/H264');
  await playing(to.page);

  await from.evaluate(() => globalThis.pc.getSenders().find((s) => s.track.kind === 'video').track.applyConstraints({ width: 320, height: 180 }));
  await until('the smaller picture', async () => (await state(to.page)).width === 320);
  await playing(to.page);
  await from.evaluate(async () => {
    const sender = globalThis.pc.getSenders().find((s) => s.track.kind === 'video');
    await sender.track.applyConstraints({ width: 1280, height: 720 });
    const p = sender.getParameters();
    p.encodings[0].scaleResolutionDownBy = 2;
    await sender.setParameters(p);
  });
  await until('the larger picture', async () => (await state(to.page)).width > 320);
  await playing(to.page);
  assert.equal(to.posts(), 1, 'one session all the time');
});

// How much of the pictures and of the sound a page has been given so far.
const given = (page) => page.evaluate(async () => {
  const all = [...(await (globalThis.pc ?? globalThis.seen).getStats()).values()].filter((s) => s.type === 'inbound-rtp');
  const of = (kind) => all.find((s) => s.kind === kind) ?? {};
  return {
    tracks: all.length, decoded: of('video').framesDecoded ?? 0, freezes: of('video').totalFreezesDuration ?? 0,
    samples: (of('audio').totalSamplesReceived ?? 0) - (of('audio').concealedSamples ?? 0),
  };
});

trial('viewers hear and see a publisher over RTMP after one over WHIP, and the next over WHIP', async (bench) => {
  const server = await bench.server();
  const links = await server.links('live/sound');
  const site = (await bench.site({ load: ['/aliyun-rts-sdk.js'] })).page;
  const from = await bench.open(site);
  assert.equal((await whip(from, links.publish.whip, { codecs: ['H264'] })).status, 201);
  const { page: plain, posts } = await viewer(bench, site, links.play.whep);
  const sdk = await bench.open(site);
  await sdk.evaluate(async (url) => {
    const Plain = globalThis.RTCPeerConnection;
    globalThis.RTCPeerConnection = class extends Plain { constructor(...a) { super(...a); globalThis.seen = this; } };
    globalThis.statuses = [];
    const client = globalThis.AliRTS.createClient({ trackLog: false, customReporter: () => {} });
    client.on('connectStatusChange', (e) => globalThis.statuses.push(e.status));
    (await client.subscribe(url)).play(document.querySelector('video'));
  }, links.play.artc);
  await playing(sdk);
  const hears = async (what) => {
    for (const [name, page] of Object.entries({ plain, sdk })) {
      const before = await given(page);
      const now = await until(`${what}: pictures and sound for ${name}`, async () => {
        const g = await given(page);
        return g.decoded > before.decoded + 30 && g.samples > before.samples + 48_000 && g;
      });
      const heard = await loudness(page);
      assert.ok(Math.abs(heard.peak - 440) < 15, `${name}: the tone of 440 Hz is heard at ${heard.peak} Hz`);
      assert.equal(now.tracks, 2, 'the same two streams');
      console.log(`# ${what}, ${name}: ${now.decoded - before.decoded} pictures and ${now.samples - before.samples} samples more, frozen for ${now.freezes.toFixed(2)} s in all`);
    }
  };
  await hears('WHIP');
  await from.evaluate(() => fetch(globalThis.resource, { method: 'DELETE' }));
  const publisher = await bench.publish(links.publish.rtmp);
  await hears('RTMP');
  await publisher.stop();
  await until('WHIP again', async () => (await whip(from, links.publish.whip, { codecs: ['H264'] })).status === 201);
  await hears('WHIP again');
  assert.equal(posts(), 1, 'one session all the time');
  assert.deepEqual(await sdk.evaluate(() => globalThis.statuses.slice(0, 2)), [1, 2]);
  assert.equal(await sdk.evaluate(() => globalThis.statuses.length), 2);
});
