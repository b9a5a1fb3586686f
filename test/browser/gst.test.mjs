// GStreamer's webrtcbin publishes by WHIP and plays by WHEP.

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';

import { loudness, playing, trial, until, whep } from './harness.mjs';

const script = fileURLToPath(new URL('gst/peer.py', import.meta.url));
const gst = (bench, role, url) => bench.run(`gstreamer ${role}`, '/usr/bin/python3', [script, role, url]);

/** What the program said last. */
const said = (program) => JSON.parse(program.log.split('\n').filter((l) => /^\{.*\}$/.test(l)).at(-1) ?? '{}');

trial('GStreamer publishes to GStreamer and to Chromium', async (bench) => {
  const server = await bench.server();
  const links = await server.links('live/gst');
  const from = gst(bench, 'whip', links.publish.whip);
  await from.says(/"answered": 201/);
  const page = await bench.open((await bench.site()).page);
  await until('the stream', async () => (await whep(page, links.play.whep)).status === 201);
  const seen = await playing(page);
  assert.deepEqual([seen.width, seen.height], [640, 360]);
  const heard = await loudness(page);
  assert.ok(Math.abs(heard.peak - 440) < 15, `the tone of 440 Hz is heard at ${heard.peak} Hz`);

  const to = gst(bench, 'whep', links.play.whep);
  await to.says(/"answered": 201/);
  const played = await until('decoded pictures and sound', () => said(to).video > 60 && said(to).audio > 60 && said(to));
  assert.deepEqual(played.caps, [640, 360]);
  for (const program of [to, from]) assert.equal(await program.stop(), 0);
  await until('both goodbyes', async () => (await server.metric('millrace_rtc_sessions')) === 1);
  assert.equal(await server.metric('millrace_rtc_closed_total', 'reason="closed_by_peer"'), 2);
});
