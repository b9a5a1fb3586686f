// What the page broadcasts: a canvas with the barcode of the clock, and a tone.

import { clockStamp, drawBarcode } from '/barcode.js';

const width = 640, height = 360, fps = 30;
export const bitrate = 1_000_000;

/** A stream with a picture and, where asked for, sound; stop() ends it. A busy picture takes all the bit rate it may. */
export function stage({ sound = false, busy = false } = {}) {
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const context = canvas.getContext('2d', { alpha: false });
  const stream = canvas.captureStream(0);
  const [track] = stream.getVideoTracks();
  track.contentHint = 'motion';
  const audio = sound && new AudioContext();
  if (audio) {
    const out = audio.createMediaStreamDestination();
    const tone = new OscillatorNode(audio, { frequency: 440 });
    tone.connect(new GainNode(audio, { gain: 0.2 })).connect(out);
    tone.start();
    stream.addTrack(out.stream.getAudioTracks()[0]);
  }

  const grain = busy && noise();
  let n = 0, timer;
  const began = performance.now();
  const draw = () => {
    context.fillStyle = '#445';
    context.fillRect(0, 0, width, height);
    if (grain) context.drawImage(grain, -Math.random() * width, -Math.random() * height);
    context.fillStyle = '#aab';
    context.fillRect((n * 3) % (width - 64), 120, 64, 64);
    drawBarcode(context, width, height, clockStamp(Date.now()));
    track.requestFrame();
    n++;
    timer = setTimeout(draw, Math.max(0, began + n * 1000 / fps - performance.now()));
  };
  draw();
  return {
    stream,
    stop() {
      clearTimeout(timer);
      stream.getTracks().forEach((t) => t.stop());
      if (audio) void audio.close();
    },
  };
}

/** Grey noise, twice as wide and as high as the picture. */
function noise() {
  const canvas = new OffscreenCanvas(2 * width, 2 * height);
  const context = canvas.getContext('2d');
  const image = context.createImageData(canvas.width, canvas.height);
  for (let i = 0; i < image.data.length; i += 4) image.data.set([60 + Math.random() * 80, 60 + Math.random() * 80, 60 + Math.random() * 80, 255], i);
  context.putImageData(image, 0, 0);
  return canvas;
}

/** Adds the stream's tracks to a connection that sends: H264 and Opus. `layers` are the bit rates of simulcast, the smallest picture first. */
export function send(pc, stream, layers = []) {
  const encodings = layers.map((maxBitrate, i) => ({ rid: `q${i}`, maxBitrate, scaleResolutionDownBy: 2 ** (layers.length - 1 - i) }));
  if (encodings.length === 0) encodings.push({ maxBitrate: bitrate });

  for (const track of stream.getTracks()) {
    const video = track.kind === 'video';
    const sender = pc.addTransceiver(track, { direction: 'sendonly', streams: [stream], sendEncodings: video ? encodings : [{}] });
    const wanted = video ? 'video/H264' : 'audio/opus';
    const codecs = RTCRtpSender.getCapabilities(track.kind).codecs;
    sender.setCodecPreferences(codecs.filter((c) => c.mimeType === wanted || /\/rtx$/.test(c.mimeType)));
  }
}
