// The vendor's web SDK, unmodified, publishes from another site, and plays what
// it published.

import assert from 'node:assert/strict';

import { loudness, playing, trial, until } from './harness.mjs';

/** Publishes by the SDK what createStream() gives for `media`, and keeps what it says in window.sdk. */
async function publish(page, url, media) {
  return page.evaluate(async ([url, media]) => {
    const sdk = { statuses: [], errors: [] };
    globalThis.sdk = sdk;
    sdk.client = globalThis.AliRTS.createClient({ trackLog: false, customReporter: () => {} });
    sdk.client.on('connectStatusChange', (e) => sdk.statuses.push(e.status));
    sdk.client.on('onError', (e) => sdk.errors.push(e.errorCode));
    try {
      const stream = await globalThis.AliRTS.createStream(media);
      return { trace: await sdk.client.publish(url, stream) };
    } catch (e) {
      return { code: e.errorCode, message: e.message };
    }
  }, [url, media]);
}

const subscribe = (page, url) => page.evaluate(async (url) => {
  globalThis.client = globalThis.AliRTS.createClient({ trackLog: false, customReporter: () => {} });
  (await globalThis.client.subscribe(url)).play(document.querySelector('video'));
}, url);

const sdkSite = async (bench) => (await bench.site({ load: ['/aliyun-rts-sdk.js'] })).page;

trial('the SDK publishes in one page and plays in another', async (bench) => {
  const server = await bench.server();
  const links = await server.links('live/sdk');
  const site = await sdkSite(bench);
  const [from, to] = [await bench.open(site), await bench.open(site)];
  const { trace, ...wrong } = await publish(from, links.publish.artc, { audio: true, video: true });
  assert.ok(trace && server.log.includes(trace), `trace id ${trace} is in the server's log; ${JSON.stringify(wrong)}`);
  await until('connected', () => from.evaluate(() => globalThis.sdk.statuses.includes(2)));
  await subscribe(to, links.play.artc);
  const seen = await playing(to);
  assert.deepEqual(seen.tracks, ['audio', 'video']);
  const heard = await loudness(to);
  assert.ok(heard.rms > 0.005, `the beep of the fake microphone is heard at ${heard.rms}`);
  assert.deepEqual(await from.evaluate(() => globalThis.sdk.errors), []);

  await from.evaluate(() => globalThis.sdk.client.unpublish());
  await until('the end to be noticed', () => /publisher gone/.test(server.log));
  assert.equal(await server.metric('millrace_rtc_sessions'), 1);
});

trial('the SDK publishes sound alone, and hears why it may not', async (bench) => {
  const server = await bench.server();
  const links = await server.links('live/sound');
  const site = await sdkSite(bench);
  const [from, to] = [await bench.open(site), await bench.open(site)];
  const { trace, ...wrong } = await publish(from, links.publish.artc, { audio: true });
  assert.ok(trace, JSON.stringify(wrong));
  await subscribe(to, links.play.artc);
  const heard = await until('sound', async () => (await loudness(to)).rms > 0.005);
  assert.ok(heard);
  const refused = await publish(to, links.publish.artc.split('?')[0], { audio: true, video: true });
  assert.equal(refused.code, 10205, JSON.stringify(refused));
  assert.match(refused.message, /403/);
});
