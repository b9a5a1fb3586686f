// What a viewer sees in a page's video element.

import { until } from './until.mjs';

// A look at the page is quick or fails; whoever waits looks again.
const look = { timeout: 5000 };

/** The element's state at one moment. */
export function state(page, selector = 'video') {
  return page.locator(selector).first().evaluate((v) => ({
    time: v.currentTime, frames: v.getVideoPlaybackQuality().totalVideoFrames,
    width: v.videoWidth, height: v.videoHeight, ready: v.readyState, paused: v.paused,
    tracks: v.srcObject?.getTracks().map((t) => t.kind).sort() ?? null,
  }), undefined, look);
}

/** A small copy of the picture: brightness of 32 x 18 places, 0 to 255. */
export function picture(page, selector = 'video') {
  return page.locator(selector).first().evaluate((v) => {
    const canvas = new OffscreenCanvas(32, 18);
    const brush = canvas.getContext('2d', { willReadFrequently: true });
    brush.drawImage(v, 0, 0, 32, 18);
    const { data } = brush.getImageData(0, 0, 32, 18);
    return Array.from({ length: 32 * 18 }, (_, i) => Math.round((data[4 * i] + data[4 * i + 1] + data[4 * i + 2]) / 3));
  }, undefined, look);
}

/**
 * Waits until the element plays: at least `frames` more pictures shown, time
 * going on, and a picture that changes and is not one colour. Returns the state.
 */
export async function playing(page, { selector = 'video', frames = 20, timeout = 40_000 } = {}) {
  const from = await until('a first picture', async () => {
    const s = await state(page, selector);
    return s.width > 0 && s.frames > 0 && s;
  }, { timeout });
  const before = await until('a look at it', () => picture(page, selector), { timeout });
  return until(`${frames} more pictures`, async () => {
    const s = await state(page, selector);
    const now = await picture(page, selector);
    const changed = now.filter((x, i) => Math.abs(x - before[i]) > 8).length;
    const plain = Math.max(...now) - Math.min(...now) < 32;
    if (s.frames >= from.frames + frames && s.time > from.time && changed > 0 && !plain) return s;
    throw new Error(JSON.stringify({ from, now: s, changed, plain }));
  }, { timeout });
}

/** Resolves, with the time (Unix ms), when the element shows a picture that differs from the present one. */
export function changes(page, selector = 'video') {
  return page.locator(selector).first().evaluate((v) => new Promise((resolve) => {
    const canvas = new OffscreenCanvas(32, 18);
    const brush = canvas.getContext('2d', { willReadFrequently: true });
    const look = () => {
      brush.drawImage(v, 0, 0, 32, 18);
      return brush.getImageData(0, 0, 32, 18).data;
    };
    const before = look();
    const next = (at) => {
      const now = look();
      if (now.some((x, i) => Math.abs(x - before[i]) > 8)) resolve(performance.timeOrigin + at);
      else v.requestVideoFrameCallback(next);
    };
    v.requestVideoFrameCallback(next);
  }));
}

/** The longest time between two pictures of `frames`, in ms. */
export function longestFreeze(page, frames, selector = 'video') {
  return page.locator(selector).first().evaluate((v, frames) => new Promise((resolve) => {
    let last, longest = 0, left = frames;
    const next = (at) => {
      if (last !== undefined) longest = Math.max(longest, at - last);
      last = at;
      if (left-- > 0) v.requestVideoFrameCallback(next);
      else resolve(longest);
    };
    v.requestVideoFrameCallback(next);
  }), frames);
}

/** What is heard in the element's stream: loudness (RMS) and the loudest frequency in Hz. */
export function loudness(page, selector = 'video') {
  return page.locator(selector).first().evaluate(async (v) => {
    const context = new AudioContext();
    await context.resume();
    const analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
    context.createMediaStreamSource(v.srcObject).connect(analyser);
    const wave = new Float32Array(analyser.fftSize), spectrum = new Float32Array(analyser.frequencyBinCount);
    const deadline = Date.now() + 20_000;
    let rms = 0;
    for (;;) { // the node's buffer fills with what is played from now on
      await new Promise((resolve) => setTimeout(resolve, 300));
      analyser.getFloatTimeDomainData(wave);
      rms = Math.sqrt(wave.reduce((a, x) => a + x * x, 0) / wave.length);
      if (rms > 0.005 || Date.now() > deadline) break;
    }
    analyser.getFloatFrequencyData(spectrum);
    const peak = spectrum.indexOf(Math.max(...spectrum)) * context.sampleRate / analyser.fftSize;
    await context.close();
    return { rms, peak };
  });
}
