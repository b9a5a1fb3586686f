// What a publishing connection tells about itself.

import { Rate } from './playback';

/** What went out, as told by the browser and by the server's reports. Missing: not told yet. */
export interface Sent {
  kbps?: number; // pictures and sound
  fps?: number;
  size?: string; // of the encoded picture
  rtt?: number; // ms
  loss?: number; // share of packets that the server missed last, 0 to 1
  codecs?: string; // "H264, Opus"
  encoder?: string;
  hardware?: boolean;
  limited?: 'none' | 'cpu' | 'bandwidth' | 'other';
  way?: string; // "UDP" or "TCP"
  frames?: number; // pictures encoded since the beginning
}

type Entry = Record<string, unknown> & { type: string; id: string };

const number = (v: unknown) => (typeof v === 'number' ? v : undefined);
const text = (v: unknown) => (typeof v === 'string' && v !== '' ? v : undefined);

/** Reads one report after the other. */
export class SentMeter {
  private readonly rate = new Rate();

  next(report: Iterable<unknown>, at: number): Sent {
    const all = [...report] as Entry[];
    const out = all.filter((s) => s.type === 'outbound-rtp');
    const video = out.find((s) => s.kind === 'video');
    const told = all.filter((s) => s.type === 'remote-inbound-rtp');
    const byId = (id: unknown) => all.find((s) => s.id === id);
    const pair = byId(all.find((s) => s.type === 'transport')?.selectedCandidatePairId);
    const rtt = number(pair?.currentRoundTripTime) ?? number(told.find((s) => number(s.roundTripTime) !== undefined)?.roundTripTime);
    const losses = told.map((s) => number(s.fractionLost)).filter((x) => x !== undefined);
    const protocol = text(byId(pair?.localCandidateId)?.protocol);
    return {
      kbps: out.length > 0 ? this.rate.next(out.reduce((sum, s) => sum + (number(s.bytesSent) ?? 0), 0), at) : undefined,
      fps: number(video?.framesPerSecond),
      size: number(video?.frameWidth) === undefined ? undefined : `${String(video?.frameWidth)} × ${String(video?.frameHeight)}`,
      rtt: rtt === undefined ? undefined : rtt * 1000,
      loss: losses.length > 0 ? Math.max(...losses) : undefined,
      codecs: out.map((s) => codecName(text(byId(s.codecId)?.mimeType))).filter((c) => c !== '').sort().join(', ') || undefined,
      encoder: text(video?.encoderImplementation),
      hardware: typeof video?.powerEfficientEncoder === 'boolean' ? video.powerEfficientEncoder : undefined,
      limited: text(video?.qualityLimitationReason) as Sent['limited'],
      way: protocol?.toUpperCase(),
      frames: number(video?.framesEncoded),
    };
  }
}

/** "video/H264" as people call it. */
function codecName(mime = ''): string {
  const name = mime.split('/')[1] ?? '';
  return name === 'opus' ? 'Opus' : name;
}
