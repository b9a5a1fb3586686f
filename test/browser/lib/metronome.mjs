// A picture that flashes and a tone that beeps at the same moment, once a second,
// so that it can be told of anything that was played how far they are apart.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
export const ffmpeg = process.env.FFMPEG ?? 'ffmpeg';
export const fps = 30;

/**
 * Encodes such a file, H264 without B-frames and AAC, a key frame a second, and
 * returns its path. The left half of the picture moves, the right one flashes;
 * between the beeps there is noise that is hardly heard, so that no two frames
 * are the same.
 */
export async function metronomeFile(dir, seconds) {
  const file = join(dir, 'metronome.mp4');
  const half = (color, enable) => `drawbox=x=iw/2:y=0:w=iw/2:h=ih:color=${color}:t=fill:enable='${enable}'`;
  await run(ffmpeg, [
    '-v', 'error', '-y', '-f', 'lavfi', '-i', `testsrc2=size=320x180:rate=${fps}`,
    '-f', 'lavfi', '-i', String.raw`aevalsrc=0.6*sin(2*PI*1000*t)*lt(mod(t\,1)\,0.1)+0.001*random(0):s=48000:c=stereo`,
    '-vf', `${half('black', 'gte(mod(n,30),3)')},${half('white', 'lt(mod(n,30),3)')}`, '-t', String(seconds),
    '-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-profile:v', 'baseline', '-pix_fmt', 'yuv420p',
    '-g', String(fps), '-b:v', '300k', '-c:a', 'aac', '-b:a', '96k', file,
  ]);
  return file;
}

/** Makes a page's global MediaStream `metronome`, which goes on until the page is closed. */
export const metronomePage = (page) => page.evaluate(async (fps) => {
  const [width, height] = [320, 180];
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const brush = canvas.getContext('2d', { alpha: false });
  const stream = canvas.captureStream(0);
  const context = new AudioContext();
  await context.resume();
  const out = new MediaStreamAudioDestinationNode(context, { channelCount: 2 });
  const volume = new GainNode(context, { gain: 0 });
  const tone = new OscillatorNode(context, { frequency: 1000 });
  tone.connect(volume).connect(out);
  tone.start();
  stream.addTrack(out.stream.getAudioTracks()[0]);
  const began = performance.now();
  let n = 0;
  const draw = () => {
    const on = n % fps < 3;
    if (n % fps === 0) {
      volume.gain.setValueAtTime(0.6, context.currentTime);
      volume.gain.setValueAtTime(0, context.currentTime + 0.1);
    }
    brush.fillStyle = '#456';
    brush.fillRect(0, 0, width / 2, height);
    brush.fillStyle = '#cba';
    brush.fillRect((n * 3) % (width / 2 - 40), 60, 40, 40);
    brush.fillStyle = on ? '#fff' : '#000';
    brush.fillRect(width / 2, 0, width / 2, height);
    stream.getVideoTracks()[0].requestFrame();
    n++;
    setTimeout(draw, Math.max(0, began + n * 1000 / fps - performance.now()));
  };
  draw();
  globalThis.metronome = stream;
}, fps);

/** The median of how much later each beep begins than the flash nearest to it; times and result in ms. */
export function apart(flashes, beeps) {
  const nearest = (f) => beeps.map((b) => b - f).reduce((a, b) => (Math.abs(b) < Math.abs(a) ? b : a), Infinity);
  const gaps = flashes.map(nearest).filter((g) => Math.abs(g) <= 500).sort((a, b) => a - b);
  return gaps.length < 2 ? NaN : gaps[gaps.length >> 1];
}

/**
 * Watches a video element until it has shown so many pictures and three flashes,
 * and three beeps were heard: when the first picture was shown after the call,
 * and how far what is heard is behind what is seen.
 */
export async function watchMetronome(page, selector, wanted, timeout = 60_000) {
  const seen = await page.evaluate(async ([selector, wanted, timeout]) => {
    const video = document.querySelector(selector);
    const called = performance.now();
    const canvas = new OffscreenCanvas(4, 4);
    const brush = canvas.getContext('2d', { willReadFrequently: true });
    const flashes = [], beeps = [];
    let bright = true, pictures = 0, first, on = true;
    const late = new Promise((_, reject) => setTimeout(() => reject(new Error(
      `within ${timeout} ms only ${pictures} pictures, ${flashes.length} flashes and ${beeps.length} beeps in ${selector}`)), timeout));
    const began = new Promise((resolve) => {
      const shown = (_, { expectedDisplayTime: at }) => {
        if (!on) return;
        video.requestVideoFrameCallback(shown);
        brush.drawImage(video, video.videoWidth * 0.6, 0, video.videoWidth * 0.3, video.videoHeight, 0, 0, 4, 4);
        const now = brush.getImageData(0, 0, 4, 4).data[4 * 5] > 128;
        if (now && !bright) flashes.push(at);
        bright = now;
        if (pictures++ === 0) resolve(first = performance.now() - called);
      };
      video.requestVideoFrameCallback(shown);
    });
    const context = new AudioContext();
    await context.resume();
    await context.audioWorklet.addModule(URL.createObjectURL(new Blob([`registerProcessor('ear', class extends AudioWorkletProcessor {
      quiet = 0;
      process([[channel]]) {
        const loud = channel?.some((x) => Math.abs(x) > 0.05);
        if (loud && this.quiet > sampleRate * 0.3) this.port.postMessage(currentTime);
        this.quiet = loud ? 0 : this.quiet + 128;
        return true;
      }
    })`], { type: 'text/javascript' })));
    await Promise.race([began, late]);
    const ear = new AudioWorkletNode(context, 'ear');
    ear.port.onmessage = ({ data }) => {
      const { contextTime, performanceTime } = context.getOutputTimestamp();
      beeps.push(performanceTime + (data - contextTime) * 1000);
    };
    const source = video.srcObject ? context.createMediaStreamSource(video.srcObject) : context.createMediaElementSource(video);
    video.muted = Boolean(video.srcObject);
    source.connect(ear).connect(context.destination);
    const enough = async () => {
      while (pictures < wanted || flashes.length < 3 || beeps.length < 3) await new Promise((resolve) => setTimeout(resolve, 100));
    };
    await Promise.race([enough(), late]);
    on = false;
    return { first, pictures, flashes, beeps };
  }, [selector, wanted, timeout]);
  return { ...seen, apart: apart(seen.flashes, seen.beeps) };
}
