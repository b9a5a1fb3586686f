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
  assert.ok(moved - killed < 8000, `${moved - killed} ms`);
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
