// Every way in to every way out, all players of a source at once: codecs,
// pictures, access units as they were sent, and sound that stays with its
// picture.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';

import { stats, trial, until, whep, whip } from './harness.mjs';
import { ffmpeg, fps, metronomeFile, metronomePage, watchMetronome } from './lib/metronome.mjs';
import { examine, record, recordNatively } from './lib/recording.mjs';

const seconds = 6; // that each player plays
const inStep = 40; // ms that sound may move against its picture on its way
const inPage = 250; // the same as a page sees and hears it, whose clocks are coarse

let dir, file, original;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'millrace-matrix-'));
  file = await metronomeFile(dir, 12);
  original = await examine(file);
});
after(() => rm(dir, { recursive: true, force: true }));

/** ffmpeg sends the file as it is, again and again. */
const send = (format, url) => async (bench, links) => {
  const program = bench.run('publisher', ffmpeg, [
    '-hide_banner', '-loglevel', 'warning', '-nostdin', '-progress', 'pipe:1', '-stats_period', '0.2',
    '-re', '-stream_loop', '-1', '-i', file, '-c', 'copy', '-f', format, url(links),
  ]);
  await until('ffmpeg publishes', () => /frame=\s*[1-9]/.test(program.log));
};

const sources = {
  RTMP: send('flv', (links) => links.publish.rtmp),
  SRT: send('mpegts', (links) => links.publish.srt),
  async WHIP(bench, links, site) {
    const page = await bench.open(site);
    await metronomePage(page);
    const answer = await whip(page, links.publish.whip, { media: 'metronome' });
    assert.equal(answer.status, 201, answer.body);
    await until('pictures go out', async () => (await stats(page)).video?.framesSent > 0);
  },
};

const recorded = {
  RTMP: (links) => links.play.rtmp,
  RTMPS: (links) => links.play.rtmps,
  'HTTP-FLV': (links) => links.play.flv,
  'HLS-TS': (links) => `${links.play.hls}&format=ts`,
  'HLS-fMP4': (links) => `${links.play.hls}&format=fmp4`,
  SRT: (links) => links.play.srt,
};

// All in one page: a browser shows only one at a time. The first element is WHEP's.
const theatre = '<!doctype html><meta charset="utf-8"><title>Players</title>' +
  ['whep', 'ws-flv', 'll-hls'].map((id) => `<video id="${id}" width="320" height="180" muted autoplay playsinline></video>`).join('');

const pages = {
  'WS-FLV': async (page, links) => {
    await page.evaluate((url) => {
      const player = globalThis.mpegts.createPlayer({ type: 'flv', isLive: true, url }, { liveBufferLatencyChasing: true });
      globalThis.ofFLV = () => [player.mediaInfo?.videoCodec, player.mediaInfo?.audioCodec];
      player.attachMediaElement(document.querySelector('#ws-flv'));
      player.load();
    }, links.play.ws_flv);
    return async () => assert.match((await page.evaluate(() => globalThis.ofFLV())).join(), /^avc1\..*,mp4a\.40\.2$/);
  },
  'LL-HLS': async (page, links) => {
    await page.evaluate((url) => {
      const player = new globalThis.Hls({ lowLatencyMode: true });
      globalThis.parts = 0;
      player.on(globalThis.Hls.Events.FRAG_LOADED, (_, e) => { globalThis.parts += e.part ? 1 : 0; });
      globalThis.ofHLS = () => [player.levels[0]?.videoCodec, player.levels[0]?.audioCodec];
      player.attachMedia(document.querySelector('#ll-hls'));
      player.loadSource(url);
    }, links.play.ll_hls);
    return async () => {
      assert.match((await page.evaluate(() => globalThis.ofHLS())).join(), /^avc1\..*,mp4a\.40\.2$/);
      assert.ok(await page.evaluate(() => globalThis.parts) >= seconds, 'it comes in parts');
    };
  },
  WHEP: async (page, links) => {
    const answer = await whep(page, links.play.whep);
    assert.equal(answer.status, 201, answer.body);
    return async () => {
      const s = await stats(page);
      assert.deepEqual([s.videoCodec, s.audioCodec], ['video/H264', 'audio/opus']);
    };
  },
};

for (const [source, publish] of Object.entries(sources)) {
  trial(`${source} to every player`, async (bench) => {
    const server = await bench.server({ rtmps: true });
    const links = await server.links('live/matrix', '--host', '127.0.0.1');
    const { page: site } = await bench.site({ html: theatre, load: ['/mpegts.js', '/hls.js'] });
    await publish(bench, links, site);
    const page = await bench.open(site);
    const keep = (name, url, by = record) => async () => {
      const { file, first } = await by(bench, dir, `${source}-${name}`, url, seconds);
      return { name, first, ...(await examine(file)) };
    };
    const watch = (name, open) => async () => {
      const selector = `#${name.toLowerCase()}`;
      const began = performance.now();
      const checks = await open(page, links);
      const opened = performance.now() - began;
      const seen = await watchMetronome(page, selector, fps * seconds / 2);
      await checks();
      return { name, ...seen, first: seen.first + opened };
    };
    const cells = [
      ...Object.entries(recorded).map(([name, url]) => keep(name, url(links))),
      ...Object.entries(pages).map(([name, open]) => watch(name, open)),
      keep('WHEP to the native client', links.play.whep, recordNatively),
      async () => ({ name: 'WS-FLV as bytes', ...(await examine(await messages(page, links.play.ws_flv, join(dir, `${source}.flv`)))) }),
    ];
    const done = await Promise.allSettled(cells.map((cell) => cell()));
    const all = done.filter((r) => r.status === 'fulfilled').map((r) => r.value);
    const wrong = done.filter((r) => r.status === 'rejected').map((r) => r.reason.stack);
    // A browser's own distance between the two is not known; what it is played as by most is taken for it.
    const middle = all.filter((c) => c.video).map((c) => c.apart).sort((a, b) => a - b);
    const before = source === 'WHIP' ? middle[middle.length >> 1] : original.apart;
    for (const cell of all) {
      console.log(`# ${source} to ${cell.name}: ${told(cell)}`);
      try {
        (cell.video ? checkRecording : checkPage)(cell, source, before);
      } catch (error) {
        wrong.push(`${cell.name}: ${error.message}`);
      }
    }
    assert.deepEqual(wrong, []);
  }, { timeout: 150_000 });
}

const told = ({ video, audio, pictures, apart, first }) => [
  video ? `${video.codec} + ${audio?.codec}, ${video.packets.length} + ${audio?.packets.length} packets` : `${pictures} pictures`,
  `sound ${apart.toFixed(0)} ms behind its picture`, ...(first ? [`first picture after ${first.toFixed(0)} ms`] : []),
].join('; ');

function checkPage({ name, apart }) {
  // A WebRTC player brings the two together within the first minute or so.
  assert.ok(name === 'WHEP' || Math.abs(apart) <= inPage, `sound is ${apart} ms behind its picture`);
}

function checkRecording({ name, video, audio, apart }, source, before) {
  // The native client takes what there is.
  const opus = source === 'WHIP' && name.includes('native');
  assert.deepEqual([video.codec, audio?.codec], ['h264', opus ? 'opus' : 'aac']);
  for (const [kind, { packets }, rate] of [['video', video, source === 'WHIP' ? fps / 2 : fps], ['audio', audio, opus ? 50 : 48000 / 1024]]) {
    assert.ok(packets.length >= rate * seconds * 0.75, `${packets.length} packets of ${kind} in ${seconds} s`);
    packets.forEach((at, i) => assert.ok(i === 0 || at > packets[i - 1], `${kind} goes from ${packets[i - 1]} to ${at} s`));
  }
  assert.ok(Math.abs(apart - before) <= inStep, `sound is ${apart} ms behind its picture, and was ${before} ms`);
  if (source === 'WHIP') return; // what the browser has made is not known
  for (const kind of ['video', 'audio']) {
    const got = { video, audio }[kind].units;
    const sent = original[kind].units;
    // When the file begins again, ffmpeg leaves out the first unit of sound, the encoder's delay.
    const again = kind === 'audio' ? 1 : 0;
    const from = sent.indexOf(got[0]);
    let at = from;
    const other = got.findIndex((unit) => {
      if (unit !== sent[at]) return true;
      at = at + 1 < sent.length ? at + 1 : again;
      return false;
    });
    assert.equal(other, -1, `unit ${other} of ${got.length} of ${kind} is not what was sent, from unit ${from} on`);
  }
}

/** What comes in messages of a WebSocket, as a file. */
async function messages(page, url, file) {
  const base64 = await page.evaluate(async ([url, span]) => {
    const all = [];
    const socket = new WebSocket(url);
    socket.binaryType = 'arraybuffer';
    await new Promise((resolve, reject) => {
      socket.onerror = () => reject(new Error('the WebSocket fails'));
      socket.onmessage = ({ data }) => {
        if (all.push(data) === 1) setTimeout(resolve, span);
      };
    });
    socket.close();
    const url2 = await new Promise((resolve) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result);
      reader.readAsDataURL(new Blob(all));
    });
    return url2.slice(url2.indexOf(',') + 1);
  }, [url, 1000 * seconds]);
  await writeFile(file, Buffer.from(base64, 'base64'));
  return file;
}
