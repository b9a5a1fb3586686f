// One way of playing a stream. WebRTC and FLV both look like this.

import type { Problem } from './problem';

/** What a player knows about its reception. Missing: it cannot tell. */
export interface Reception {
  kbps?: number;
  lost?: number; // packets, since the beginning
  received?: number;
  dropped?: number; // pictures that were decoded too late or not at all
}

export interface Playback {
  reception(): Promise<Reception>;
  /** When the picture shown last was made, in ms since the Unix epoch by the publisher's clock, if that is told. */
  captured?(rtpTimestamp: number | undefined): number | undefined;
  stop(): void;
}

export interface Options {
  url: string;
  video: HTMLVideoElement;
  /** Called once, when playing ends by itself. Not called after stop(). */
  failed: (p: Problem) => void;
  /** Aborts a start that is under way. */
  signal: AbortSignal;
}

/** Throws Failure. It returns when media is on its way. */
export type Start = (o: Options) => Promise<Playback>;

/** Turns a growing count of bytes into kbit/s. */
export class Rate {
  private last: { bytes: number; at: number } | undefined;

  next(bytes: number, at: number): number | undefined {
    const before = this.last;
    this.last = { bytes, at };
    if (!before || at <= before.at || bytes < before.bytes) return undefined;
    return ((bytes - before.bytes) * 8) / (at - before.at);
  }
}
