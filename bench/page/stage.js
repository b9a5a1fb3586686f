// What the page broadcasts: a canvas with the barcode of the clock, and a tone.

import { clockStamp, drawBarcode } from '/barcode.js';

const width = 640, height = 360, fps = 30;
export const bitrate = 1_000_000;

/** A stream with a picture and, where asked for, sound; stop() ends it. */
export function stage({ sound = false } = {}) {
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

  let n = 0, timer;
  const began = performance.now();
  const draw = () => {
    context.fillStyle = '#445';
    context.fillRect(0, 0, width, height);
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

/** Adds the stream's tracks to a connection that sends: H264 and Opus. */
export function send(pc, stream) {
  for (const track of stream.getTracks()) {
    const video = track.kind === 'video';
    const sender = pc.addTransceiver(track, { direction: 'sendonly', streams: [stream], sendEncodings: video ? [{ maxBitrate: bitrate }] : [{}] });
    const wanted = video ? 'video/H264' : 'audio/opus';
    const codecs = RTCRtpSender.getCapabilities(track.kind).codecs;
    sender.setCodecPreferences(codecs.filter((c) => c.mimeType === wanted || /\/rtx$/.test(c.mimeType)));
  }
}
