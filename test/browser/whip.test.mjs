// Plain WHIP publishers in Chromium, and who can play them.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { hangUp, longestFreeze, loudness, playing, stats, trial, until, whep, whip } from './harness.mjs';

const run = promisify(execFile);

trial('WHIP to WHEP: 201, Location, ETag, picture and sound, DELETE', async (bench) => {
  const server = await bench.server();
  const links = await server.links('live/one');
  const site = (await bench.site()).page;
  const [from, to] = [await bench.open(site), await bench.open(site)];
  const answer = await whip(from, links.publish.whip); // VP8 comes first in its offer
  assert.deepEqual([answer.status, answer.type], [201, 'application/sdp'], answer.body);
  assert.match(answer.etag, /^"/);
  assert.equal((await whep(to, links.play.whep)).status, 201);
  await playing(to);
  const [sent, got] = [await stats(from), await stats(to)];
  assert.deepEqual([sent.videoCodec, sent.audioCodec], ['video/H264', 'audio/opus']);
  assert.deepEqual([got.videoCodec, got.audioCodec], ['video/H264', 'audio/opus']);
  assert.equal(sent.transport.srtpCipher, 'SRTP_AEAD_AES_128_GCM');
  const heard = await loudness(to);
  assert.ok(Math.abs(heard.peak - 440) < 15, `the tone of 440 Hz is heard at ${heard.peak} Hz`);

  const { stdout } = await run('ffprobe', [
    '-v', 'error', '-of', 'json', '-show_streams', '-show_packets', '-read_intervals', '%+3', links.play.flv,
  ], { timeout: 60_000, maxBuffer: 64 << 20 });
  const flv = JSON.parse(stdout);
  assert.deepEqual(flv.streams.map((s) => s.codec_name).sort(), ['aac', 'h264']);
  const starts = flv.streams.map(({ index }) => Math.min(...flv.packets.filter((p) => p.stream_index === index).map((p) => Number(p.pts_time))));
  console.log(`# FLV tracks start at ${starts.join(' and ')} s`);
  assert.ok(Math.max(...starts) < 2, `tracks start at ${starts} s`);

  assert.equal(await hangUp(from), 200);
  await until('the goodbye', () => from.evaluate(() => globalThis.pc.getSenders()[0].transport.state === 'closed'));
  await until('no publisher', async () => (await server.metric('millrace_rtc_sessions')) === 1);
});

trial('VP8 is carried to viewers that take it and refused to others', async (bench) => {
  const server = await bench.server();
  const links = await server.links('live/vp8');
  const site = (await bench.site()).page;
  const [from, to] = [await bench.open(site), await bench.open(site)];
  assert.equal((await whip(from, links.publish.whip, { codecs: ['VP8'] })).status, 201);
  assert.equal((await whep(to, links.play.whep)).status, 201);
  await playing(to);
  assert.equal((await stats(to)).videoCodec, 'video/VP8');
  const refused = await whep(to, links.play.whep, { codecs: ['H264'] });
  assert.deepEqual([refused.status, refused.type], [406, 'application/problem+json'], refused.body);
  assert.match(refused.body, /codec/);
});

trial('WHIP over TCP, where UDP is blocked; a second publisher is told that the name is taken', async (bench) => {
  const server = await bench.server();
  const links = await server.links('live/tcp');
  const site = (await bench.site()).page;
  const [from, to] = [await bench.open(site), await bench.open(site)];
  assert.equal((await whip(from, links.publish.whip, { only: 'tcp' })).status, 201);
  await whep(to, links.play.whep, { only: 'tcp' });
  await playing(to);
  assert.equal((await stats(from)).remote.protocol, 'tcp');
  const second = await whip(to, links.publish.whip);
  assert.deepEqual([second.status, second.type], [409, 'application/problem+json'], second.body);
  const unsigned = await whip(to, links.publish.whip.split('?')[0]);
  assert.equal(unsigned.status, 403, unsigned.body);
  await playing(to);
});

trial('five per cent lost both ways, on both legs', async (bench) => {
  const server = await bench.server();
  const links = await server.links('live/loss');
  const site = (await bench.site()).page;
  const [from, to] = [await bench.open(site), await bench.open(site)];
  const [up, down] = [await bench.relay({ seed: 7 }), await bench.relay({ seed: 8 })];
  assert.equal((await whip(from, links.publish.whip, { relay: up })).status, 201);
  assert.equal((await whep(to, links.play.whep, { relay: down })).status, 201);
  await playing(to);
  const freeze = await longestFreeze(to, 120);
  await playing(to);
  console.log(`# longest freeze ${Math.round(freeze)} ms; up ${up.log}; down ${down.log}`);
  assert.ok(up.lost > 20 && down.lost > 20, `up ${up.log}, down ${down.log}`);
  assert.ok(freeze < 5000, `frozen for ${freeze} ms`);
  const heard = await loudness(to);
  assert.ok(Math.abs(heard.peak - 440) < 15, `the tone of 440 Hz is heard at ${heard.peak} Hz`);
});
