// HTTP-FLV through Media Source Extensions. mpegts.js is loaded when it is
// needed first.

import type Mpegts from 'mpegts.js';
import type { Options, Playback, Reception } from './playback';
import { ended, Failure, refused, unreachable, unsupported, type Problem } from './problem';

export async function startFLV(o: Options): Promise<Playback> {
  const { default: mpegts } = await import('mpegts.js');
  if (!mpegts.getFeatureList().mseLivePlayback) throw new Failure(unsupported('Media Source Extensions'));
  o.signal.throwIfAborted();
  mpegts.LoggingControl.applyConfig({ enableAll: false });
  return new Session(o, mpegts);
}

class Session implements Playback {
  private readonly player: Mpegts.Player;
  private stopped = false;

  constructor(
    private readonly o: Options,
    mpegts: typeof Mpegts,
  ) {
    this.player = mpegts.createPlayer(
      { type: 'flv', isLive: true, url: new URL(o.url, document.baseURI).href },
      {
        enableWorker: false,
        enableStashBuffer: false,
        lazyLoad: false,
        autoCleanupSourceBuffer: true,
        // Jumps to the live edge when more than a second is buffered.
        liveBufferLatencyChasing: true,
        liveBufferLatencyMaxLatency: 1.0,
        liveBufferLatencyMinRemain: 0.3,
      },
    );
    this.player.on(mpegts.Events.ERROR, (type: string, detail: string, more?: { code?: number; msg?: string }) => {
      this.end(problemIn(type, detail, more?.code, more?.msg));
    });
    this.player.on(mpegts.Events.LOADING_COMPLETE, () => this.end(ended));
    this.player.attachMediaElement(o.video);
    this.player.load();
  }

  private end(problem: Problem): void {
    if (this.stopped) return;
    this.stop();
    this.o.failed(problem);
  }

  reception(): Promise<Reception> {
    const s = this.player.statisticsInfo as { speed?: number; droppedFrames?: number };
    return Promise.resolve({ kbps: s.speed === undefined ? undefined : s.speed * 8, dropped: s.droppedFrames });
  }

  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    this.player.destroy();
  }
}

function problemIn(type: string, detail: string, code?: number, message?: string): Problem {
  if (detail === 'HttpStatusCodeInvalid' && code) return refused({ status: code });
  if (type === 'NetworkError') return unreachable;
  return { title: 'The player stopped', advice: message ? `${detail}: ${message}` : detail, passing: true };
}
