// The vendor's web SDK, unmodified, plays from another site.

import assert from 'node:assert/strict';

import { loudness, playing, trial, until } from './harness.mjs';

/** Subscribes by the SDK and keeps what it says in window.sdk. */
async function subscribe(page, url, options = {}) {
  return page.evaluate(async ([url, options]) => {
    const sdk = { statuses: [], events: [], errors: [], reports: [] };
    globalThis.sdk = sdk;
    const client = globalThis.AliRTS.createClient({ trackLog: false, customReporter: (r) => sdk.reports.push(r) });
    client.on('connectStatusChange', (e) => sdk.statuses.push(e.status));
    client.on('onPlayEvent', (e) => sdk.events.push(e.event));
    client.on('onError', (e) => sdk.errors.push(e.errorCode));
    sdk.client = client;
    try {
      const stream = await client.subscribe(url, options);
      stream.play(document.querySelector('video'));
      return { trace: stream.traceId };
    } catch (e) {
      const r = e.extraInfo?.response;
      return { code: e.errorCode, status: r?.status, tengine: r?.headers?.['x-tengine-error'], body: r?.data };
    }
  }, [url, options]);
}

const sdkPage = async (bench) => bench.open((await bench.site({ load: ['/aliyun-rts-sdk.js'] })).page);

trial('the SDK plays picture and sound and leaves cleanly', async (bench) => {
  const server = await bench.server();
  const links = await server.links('live/one');
  await bench.publish(links.publish.rtmp);
  const page = await sdkPage(bench);
  const { trace } = await subscribe(page, links.play.artc);
  const seen = await playing(page);
  assert.deepEqual([seen.width, seen.height], [640, 360]);
  assert.deepEqual(seen.tracks, ['audio', 'video']);
  assert.ok(trace && server.log.includes(trace), `trace id ${trace} is in the server's log`);
  assert.deepEqual(await page.evaluate(() => globalThis.sdk.statuses.slice(0, 2)), [1, 2]);
  await until('canplay', () => page.evaluate(() => globalThis.sdk.events.includes('canplay')));

  const stats = await page.evaluate(async () => ({
    video: await globalThis.sdk.client.getRemoteVideoStats(), audio: await globalThis.sdk.client.getRemoteAudioStats(),
  }));
  assert.ok(stats.video.framesDecoded > 10, JSON.stringify(stats.video));
  assert.ok(stats.audio.bytesReceived > 0, JSON.stringify(stats.audio));
  const heard = await loudness(page);
  assert.ok(Math.abs(heard.peak - 440) < 15, `the tone of 440 Hz is heard at ${heard.peak} Hz`);
  assert.ok(heard.rms > 0.01, `loudness ${heard.rms}`);

  await page.evaluate(() => globalThis.sdk.client.unsubscribe());
  await until('the server has let the viewer go', async () => (await server.metric('millrace_rtc_sessions')) === 0);
  assert.equal(await server.metric('millrace_rtc_closed_total', 'reason="closed_by_peer"'), 1);
  assert.deepEqual(await page.evaluate(() => globalThis.sdk.errors), []);
});

trial('the SDK hears in its own words why it may not play', async (bench) => {
  const server = await bench.server();
  const links = await server.links('live/nobody');
  const page = await sdkPage(bench);
  const missing = await subscribe(page, links.play.artc);
  assert.deepEqual([missing.code, missing.status], [10205, 404]);
  assert.ok(missing.body.trace_id, JSON.stringify(missing.body));
  const unsigned = await subscribe(page, links.play.artc.split('?')[0]);
  assert.deepEqual([unsigned.code, unsigned.status, unsigned.tengine], [10205, 403, 'denied by req auth: no url arg auth_key']);
});

trial('a source with B-frames is refused to the SDK with the reason', async (bench) => {
  const server = await bench.server();
  const links = await server.links('live/b');
  await bench.publish(links.publish.rtmp, { profile: 'main', bframes: 2 });
  const page = await sdkPage(bench);
  const refused = await until('the refusal', async () => {
    const r = await subscribe(page, links.play.artc);
    return r.status === 406 && r;
  });
  assert.match(JSON.stringify(refused.body), /b_frames/);
});

trial('the SDK plays one medium when it wants one', async (bench) => {
  const server = await bench.server();
  const links = await server.links('live/one');
  await bench.publish(links.publish.rtmp);
  const page = await sdkPage(bench);
  await subscribe(page, `${links.play.artc}@subaudio=no`);
  const seen = await playing(page);
  assert.deepEqual(seen.tracks, ['video']);
});

trial('a publisher that vanishes and comes back is seen again in the same session', async (bench) => {
  const server = await bench.server();
  const links = await server.links('live/back');
  const first = await bench.publish(links.publish.rtmp);
  const site = await bench.site({ load: ['/aliyun-rts-sdk.js'] });
  const page = await bench.open(site.page);
  let posts = 0;
  page.on('request', (r) => { posts += r.method() === 'POST' ? 1 : 0; });
  await subscribe(page, links.play.artc);
  await playing(page);
  await first.kill();
  await until('the publisher to be missed', () => /publisher gone/.test(server.log));
  await bench.publish(links.publish.rtmp, { size: '320x180' });
  await until('the new picture', async () => (await page.evaluate(() => document.querySelector('video').videoWidth)) === 320);
  await playing(page);
  const heard = await loudness(page);
  assert.ok(Math.abs(heard.peak - 440) < 15, `the tone of 440 Hz is heard at ${heard.peak} Hz`);
  assert.equal(posts, 1, 'one session all the time');
  assert.equal(await server.metric('millrace_rtc_sessions'), 1);
});

trial('a server that stops says so to the SDK', async (bench) => {
  const server = await bench.server({ demo: true });
  const links = await server.links('live/demo');
  const page = await sdkPage(bench);
  await until('the demo', async () => (await subscribe(page, links.play.artc)).trace);
  await playing(page);
  await server.stop();
  await until('ended', () => page.evaluate(() => globalThis.sdk.events.includes('ended')));
});
