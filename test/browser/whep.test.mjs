// A plain WHEP player, as anybody would write it.

import assert from 'node:assert/strict';

import { hangUp, loudness, playing, stats, trial, until, whep } from './harness.mjs';

trial('WHEP from another site: 201, Location, ETag, DELETE', async (bench) => {
  const server = await bench.server();
  const links = await server.links('live/one');
  await bench.publish(links.publish.rtmp);
  const page = await bench.open((await bench.site()).page);
  const answer = await whep(page, links.play.whep);
  assert.equal(answer.status, 201);
  assert.equal(answer.type, 'application/sdp');
  assert.match(answer.etag, /^"/);
  await playing(page);
  const s = await stats(page);
  assert.equal(s.transport.srtpCipher, 'SRTP_AEAD_AES_128_GCM');
  assert.ok(s.codecs.includes('video/H264') && s.codecs.includes('audio/opus'), String(s.codecs));
  assert.ok(s.video.totalFreezesDuration < 2, `frozen ${s.video.freezeCount} times for ${s.video.totalFreezesDuration} s`);
  const heard = await loudness(page);
  assert.ok(Math.abs(heard.peak - 440) < 15, `the tone of 440 Hz is heard at ${heard.peak} Hz`);
  assert.equal(await hangUp(page), 200);
  await until('the goodbye', () => page.evaluate(() => globalThis.pc.getReceivers()[0].transport.state === 'closed'));
  assert.equal(await server.metric('millrace_rtc_sessions'), 0);
});

trial('WHEP over TCP, where UDP is blocked', async (bench) => {
  const server = await bench.server();
  const links = await server.links('live/tcp');
  await bench.publish(links.publish.rtmp);
  const page = await bench.open((await bench.site()).page);
  await whep(page, links.play.whep, { only: 'tcp' });
  await playing(page);
  const s = await stats(page);
  assert.equal(s.remote.protocol, 'tcp', JSON.stringify(s.remote));
  await page.evaluate(() => globalThis.pc.close());
  await until('the server has let the viewer go', async () => (await server.metric('millrace_rtc_sessions')) === 0);
});

trial('WHEP refusals are problem documents', async (bench) => {
  const server = await bench.server();
  const links = await server.links('live/nobody');
  const page = await bench.open((await bench.site()).page);
  const missing = await whep(page, links.play.whep);
  assert.deepEqual([missing.status, missing.type], [404, 'application/problem+json']);
  const unsigned = await whep(page, links.play.whep.split('?')[0]);
  assert.equal(unsigned.status, 403);
});

trial('a viewer whose tab is killed is gone when its consent is', async (bench) => {
  const server = await bench.server({ demo: true });
  const links = await server.links('live/demo');
  const page = await bench.open((await bench.site()).page);
  await until('the demo', async () => (await whep(page, links.play.whep)).status === 201);
  await playing(page);
  await page.close();
  await until('no session', async () => (await server.metric('millrace_rtc_sessions')) === 0, { timeout: 30_000 });
});
