// How pictures and sound are encoded on the way to the server.

export const heights = [360, 720, 1080] as const;
export const rates = [15, 30, 60] as const;

export interface Quality {
  height: (typeof heights)[number];
  fps: (typeof rates)[number];
  kbps: number;
  /** What gives way when the network or the processor is too slow. */
  prefer: 'balanced' | 'maintain-framerate' | 'maintain-resolution';
  /** Two channels, without the processing that suits speech. */
  stereo: boolean;
}

/** What a size needs at 30 pictures a second, in kbit/s. */
const usual: Record<Quality['height'], number> = { 360: 800, 720: 2500, 1080: 4500 };

/** A bit rate that suits size and frame rate, in kbit/s. */
export function usualRate(height: Quality['height'], fps: Quality['fps']): number {
  return Math.round((usual[height] * (fps === 15 ? 0.7 : fps === 60 ? 1.5 : 1)) / 50) * 50;
}

/** Asks for pictures of a quality; a device that has none gives what it has. */
export function pictures(q: Quality): MediaTrackConstraints {
  return {
    width: { ideal: (q.height * 16) / 9 },
    height: { ideal: q.height },
    frameRate: { ideal: q.fps, max: q.fps },
  };
}

/** Asks for sound: speech by default, music when stereo is wanted. */
export function sounds(q: Quality): MediaTrackConstraints {
  const speech = !q.stereo;
  return {
    channelCount: { ideal: q.stereo ? 2 : 1 },
    echoCancellation: speech,
    noiseSuppression: speech,
    autoGainControl: speech,
  };
}

interface Codec {
  mimeType: string;
  sdpFmtpLine?: string;
}

/**
 * H264 first, and of its kinds the one that everybody decodes: baseline, several
 * packets per picture. The others stay, in their order, for servers without.
 */
export function h264First<C extends Codec>(codecs: readonly C[]): C[] {
  const rank = ({ mimeType, sdpFmtpLine = '' }: C) => {
    if (mimeType.toLowerCase() !== 'video/h264') return 3;
    if (!/packetization-mode=1/.test(sdpFmtpLine)) return 2;
    return /profile-level-id=42/i.test(sdpFmtpLine) ? 0 : 1;
  };
  return codecs.map((c, i) => [rank(c), i, c] as const).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(([, , c]) => c);
}

/** Gives a sender its limits. It may be called while it sends. */
export async function limit(sender: RTCRtpSender, q: Quality): Promise<void> {
  const p = sender.getParameters();
  const video = sender.track?.kind === 'video';
  if (video) p.degradationPreference = q.prefer;
  for (const e of p.encodings) {
    e.maxBitrate = video ? q.kbps * 1000 : q.stereo ? 128_000 : 48_000;
    if (video) e.maxFramerate = q.fps;
  }
  await sender.setParameters(p);
}
