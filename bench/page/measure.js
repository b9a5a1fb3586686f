// What is measured in the browser. Each function plays, watches, and leaves
// nothing playing. The barcode says when a picture was made; it is read when
// requestVideoFrameCallback says that the picture is shown.

import { BarcodeReader, delayOf } from '/barcode.js';
import { cast } from '/cast.js';
import { loopback } from '/floor.js';
import { concealed, concealedSDK } from '/hear.js';
import { detour, received, whep } from '/whep.js';

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function screen() {
  const video = document.createElement('video');
  Object.assign(video, { muted: true, autoplay: true, playsInline: true });
  document.body.replaceChildren(video);
  return video;
}

/**
 * Calls seen(delay, at) for every picture, delay undefined when it cannot be
 * read, until the returned function is called.
 */
function watch(video, seen) {
  const reader = new BarcodeReader();
  let on = true;
  const shown = () => {
    const [at, clock] = [performance.now(), Date.now()];
    if (!on) return;
    video.requestVideoFrameCallback(shown);
    const stamp = reader.read(video);
    seen(stamp?.kind === 'clock' ? delayOf(stamp, clock) : undefined, at);
  };
  video.requestVideoFrameCallback(shown);
  return () => (on = false);
}

/** Watches a playing video: after `warm` ms, for `span` ms. */
async function collect(video, warm, span) {
  await wait(warm);
  const delays = [], times = [];
  let unread = 0;
  const stop = watch(video, (delay, at) => {
    times.push(at);
    if (delay === undefined) unread++;
    else delays.push(delay);
  });
  await wait(span);
  stop();
  const gaps = times.slice(1).map((t, i) => t - times[i]);
  const mean = gaps.reduce((a, b) => a + b, 0) / gaps.length;
  // As in WebRTC's statistics: three times the mean, and 150 ms above it.
  const freezes = gaps.filter((g) => g > Math.max(3 * mean, mean + 150)).length;
  return { delays, unread, freezes, longest: Math.max(0, ...gaps), fps: times.length * 1000 / span };
}

/** What changed in the statistics between two looks. */
function difference(before, after) {
  const jitter = (kind) => {
    const [a, b] = [before[kind], after[kind]];
    return (b.jitterBufferDelay - a.jitterBufferDelay) * 1000 / (b.jitterBufferEmittedCount - a.jitterBufferEmittedCount);
  };
  const more = (name) => after.video[name] - before.video[name];
  const transport = after.all.find((s) => s.type === 'transport');
  const codec = (kind) => after.all.find((s) => s.id === after[kind].codecId);
  return {
    jitterVideo: jitter('video'), jitterAudio: jitter('audio'), freezes: more('freezeCount'), lost: more('packetsLost'),
    dropped: more('framesDropped'), decode: more('totalDecodeTime') * 1000 / more('framesDecoded'),
    codecs: [codec('video'), codec('audio')].map((c) => c?.mimeType.split('/')[1]).join(' + '), profile: codec('video')?.sdpFmtpLine,
    cipher: transport?.srtpCipher, dtls: transport?.dtlsCipher,
  };
}

async function measureWHEP(url, warm, span, through) {
  const video = screen();
  const session = await whep(url, video, { through });
  await wait(warm);
  const before = await received(session.pc);
  const seen = await collect(video, 0, span);
  const stats = difference(before, await received(session.pc));
  await session.close();
  return { ...seen, stats };
}

/** With the settings of the project's own page. */
async function measureFLV(url, warm, span) {
  const video = screen();
  const player = mpegts.createPlayer({ type: 'flv', isLive: true, url }, {
    enableWorker: false, enableStashBuffer: false, lazyLoad: false, autoCleanupSourceBuffer: true,
    liveBufferLatencyChasing: true, liveBufferLatencyMaxLatency: 1.0, liveBufferLatencyMinRemain: 0.3,
  });
  const failed = new Promise((_, reject) => {
    player.on(mpegts.Events.ERROR, (...what) => reject(new Error(`mpegts.js: ${JSON.stringify(what)}`)));
  });
  player.attachMediaElement(video);
  player.load();
  try {
    return await Promise.race([failed, collect(video, warm, span)]);
  } finally {
    player.destroy();
  }
}

/** By hls.js, with its own settings; `warm` ms begin with the first picture. */
async function measureHLS(url, warm, span) {
  const began = performance.now();
  const video = screen();
  const player = new Hls();
  const failed = new Promise((_, reject) => {
    player.on(Hls.Events.ERROR, (_, what) => what.fatal && reject(new Error(`hls.js: ${what.type} ${what.details}`)));
  });
  const late = wait(20_000).then(() => {
    if (video.currentTime === 0) throw new Error('hls.js shows nothing within 20 s');
    return new Promise(() => {});
  });
  const errors = [];
  player.on(Hls.Events.ERROR, (_, what) => errors.push(what.details));
  player.attachMedia(video);
  player.loadSource(url);
  try {
    await Promise.race([failed, late, new Promise((shown) => video.requestVideoFrameCallback(shown))]);
    const first = performance.now() - began;
    const seen = await Promise.race([failed, collect(video, warm, span)]);
    return { ...seen, errors, first, target: player.targetLatency * 1000, said: player.latency * 1000 };
  } finally {
    player.destroy();
  }
}

/**
 * Asks for HLS playlists as long as the page lives, as other viewers do, so that
 * their streams are packaged. Returns when each lists some segments.
 */
async function keepHLS(urls, segments) {
  await Promise.all(urls.map(async (url) => {
    const text = await (await fetch(url)).text();
    const address = new URL(text.trim().split('\n').at(-1), url);
    const look = async () => (await (await fetch(address)).text()).split('#EXTINF').length - 1;
    while ((await look()) < segments) await wait(500);
    setInterval(() => look().catch(() => {}), 5000);
  }));
}

/** From this page by WHIP and back by WHEP. `ports` are the server's and those of links before it. */
async function measureCast({ whip, whep: play, sound, ports = {} }, warm, span) {
  const caster = await cast(whip, { sound, through: detour(ports.server, ports.up) });
  try {
    return await measureWHEP(play, warm, span, detour(ports.server, ports.down));
  } finally {
    await caster.stop();
  }
}

let caster;
/** Publishes until the page is closed; resolves with the ms until the answer. */
async function keepCasting(whip, options = {}) {
  caster = await cast(whip, { sound: true, ...options });
  return caster.answered - caster.posted;
}

/** The bit rate of each layer of what is being published, in bit/s, since the last call. */
let counted = new Map();
async function castRates() {
  const before = counted;
  counted = new Map();
  for (const s of (await caster.pc.getStats()).values()) {
    if (s.type === 'outbound-rtp' && s.kind === 'video') counted.set(s.rid ?? '', s);
  }
  return [...counted].map(([rid, s]) => {
    const b = before.get(rid);
    return { rid, height: s.frameHeight, rate: b ? (s.bytesSent - b.bytesSent) * 8000 / (s.timestamp - b.timestamp) : 0 };
  });
}

/** Watches a stream for as long as the page lives, and notes when each picture was shown, and how high it is. */
async function keepWatching(url, ports = {}) {
  const video = screen(), shown = (globalThis.shown = []);
  watch(video, (delay) => shown.push({ at: Date.now(), delay, height: video.videoHeight }));
  const { pc } = await whep(url, video, { through: detour(ports.server, ports.down) });
  let last = { jitterBufferDelay: 0, jitterBufferEmittedCount: 0 };
  // How long the player has held pictures back since the call before, ms each.
  globalThis.held = async () => {
    const { video: now } = await received(pc);
    const held = (now.jitterBufferDelay - last.jitterBufferDelay) / (now.jitterBufferEmittedCount - last.jitterBufferEmittedCount);
    last = now;
    return 1000 * held;
  };
}

async function measureFloor(warm, span, options) {
  const video = screen();
  const stop = await loopback(video, options);
  try {
    return await collect(video, warm, span);
  } finally {
    stop();
  }
}

/** Joins at a moment (ms since the epoch) and watches for 1.1 s. */
async function measureJoin(url, moment) {
  const video = screen();
  const seen = [];
  const stop = watch(video, (delay, at) => seen.push({ at, delay }));
  const session = await whep(url, video, { begin: () => wait(Math.max(0, moment - Date.now())) });
  const deadline = performance.now() + 10_000;
  while (seen.length === 0) {
    if (performance.now() > deadline) throw new Error('no picture within 10 s');
    await wait(10);
  }
  const first = seen[0];
  await wait(Math.max(0, first.at + 1100 - performance.now()));
  stop();
  await session.close();
  const late = seen.filter((s) => s.delay !== undefined && s.at - first.at > 800).map((s) => s.delay).sort((a, b) => a - b);
  const live = seen.find((s) => s.delay !== undefined && s.delay < 150);
  return {
    answered: session.answered - session.posted, first: first.at - session.posted, behind: first.delay,
    live: live && live.at - session.posted, delay: late[late.length >> 1],
  };
}

globalThis.measure = {
  whep: measureWHEP, flv: measureFLV, hls: measureHLS, keepHLS, floor: measureFloor, join: measureJoin, cast: measureCast, keepCasting, castRates, keepWatching,
  concealed, concealedSDK,
};
