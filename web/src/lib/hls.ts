// HLS and Low-Latency HLS: through Media Source Extensions by hls.js, which is
// loaded when it is needed first, else by what the browser has of its own.

import type Hls from 'hls.js/light';
import type { ErrorData } from 'hls.js/light';
import { Rate, type Options, type Playback, type Reception } from './playback';
import { ended, Failure, refused, unreachable, unsupported, type Problem } from './problem';

export async function startHLS(o: Options): Promise<Playback> {
  const { default: library } = await import('hls.js/light');
  o.signal.throwIfAborted();
  if (library.isSupported()) return new Session(o, library);
  if (o.video.canPlayType('application/vnd.apple.mpegurl')) return new Native(o);
  throw new Failure(unsupported('Media Source Extensions'));
}

/** What both ways share. */
abstract class Watching implements Playback {
  private stopped = false;
  private readonly finished = () => this.end(ended);

  constructor(protected readonly o: Options) {
    o.video.addEventListener('ended', this.finished);
  }

  protected end(problem: Problem): void {
    if (this.stopped) return;
    this.stop();
    this.o.failed(problem);
  }

  reception(): Promise<Reception> {
    return Promise.resolve({ kbps: this.rate(), dropped: this.o.video.getVideoPlaybackQuality?.().droppedVideoFrames });
  }

  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    this.o.video.removeEventListener('ended', this.finished);
    this.leave();
  }

  protected abstract leave(): void;
  protected abstract rate(): number | undefined;
}

class Session extends Watching {
  private readonly player: Hls;
  private readonly loads: { at: number; bytes: number }[] = [];

  constructor(o: Options, library: typeof Hls) {
    super(o);
    this.player = new library({
      enableWorker: false, // the page's policy permits none
      // Of Low-Latency HLS: goes on faster until it is where the playlist wants it.
      maxLiveSyncPlaybackRate: 1.1,
      backBufferLength: 10,
    });
    this.player.on(library.Events.ERROR, (_, e) => {
      if (e.fatal) this.end(problemIn(e));
    });
    this.player.on(library.Events.FRAG_LOADED, (_, { frag, part }) => {
      this.loads.push({ at: performance.now(), bytes: (part ?? frag).stats.loaded });
    });
    this.player.attachMedia(o.video);
    this.player.loadSource(new URL(o.url, document.baseURI).href);
  }

  /** kbit/s over the last segments: they come at once. */
  protected rate(): number | undefined {
    const now = performance.now(), span = 6000;
    const all = this.loads;
    while (all[0] && now - all[0].at > span) all.shift();
    const first = all[0], last = all.at(-1);
    if (!first || !last || last.at - first.at < 1000) return undefined;
    return (all.slice(1).reduce((sum, l) => sum + l.bytes, 0) * 8) / (last.at - first.at);
  }

  protected leave(): void {
    this.player.destroy();
  }
}

class Native extends Watching {
  private readonly failed = () => this.end(unreachable);
  private readonly counter = new Rate();

  constructor(o: Options) {
    super(o);
    o.video.addEventListener('error', this.failed);
    o.video.src = o.url;
  }

  protected rate(): number | undefined {
    const { webkitVideoDecodedByteCount: bytes } = this.o.video as { webkitVideoDecodedByteCount?: number };
    return bytes === undefined ? undefined : this.counter.next(bytes, performance.now());
  }

  protected leave(): void {
    this.o.video.removeEventListener('error', this.failed);
    this.o.video.removeAttribute('src');
    this.o.video.load();
  }
}

function problemIn(e: ErrorData): Problem {
  const status = e.response?.code ?? 0;
  if (status === 406) return { title: 'HLS does not carry this stream', advice: 'Play it over WebRTC.', passing: false };
  if (status === 403 && e.details === 'levelLoadError') {
    return { title: 'The session is over', advice: 'Nothing was asked of the server for a while, as when a device sleeps.', passing: true };
  }
  if (status >= 400) return refused({ status });
  if (e.type === 'networkError') return unreachable;
  return { title: 'The player stopped', advice: `${e.details}: ${e.error?.message ?? ''}`, passing: true };
}
