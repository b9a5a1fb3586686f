import { BarcodeReader, delayOf } from '../lib/barcode';
import type { ServerClock } from '../lib/clock';
import { Trace } from '../lib/delay';
import type { Playback, Reception, Start } from '../lib/playback';
import { Failure, problemOf, unsupported, type Problem } from '../lib/problem';

export type State = 'stopped' | 'connecting' | 'playing' | 'stalled' | 'failed';

const pollEvery = 500; // ms
const stalledAfter = 1500; // ms without a picture
const retryAfter = [2000, 3000, 5000, 10_000]; // ms

/** One player of the page: its state, its figures, and its way back after a failure. */
export class Player {
  state = $state<State>('stopped');
  problem = $state<Problem>();
  retrying = $state(false);
  delay = $state<number>(); // ms, median of 2 s
  unread = $state(false); // pictures come, but do not tell when they were made
  size = $state('');
  fps = $state<number>();
  firstPicture = $state<number>(); // ms from the start
  reception = $state.raw<Reception>({});
  readonly log = new Trace();

  private playback: Playback | undefined;
  private abort: AbortController | undefined;
  private poll: ReturnType<typeof setInterval> | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private started = 0;
  private lastPicture = 0;
  private lastStamp = 0;
  private pictures: { at: number; count: number }[] = [];
  private reader: BarcodeReader | undefined;

  constructor(
    private readonly begin: Start,
    private readonly clock: ServerClock,
    /** The URL may change: keys expire. */
    private readonly url: () => Promise<string>,
    /** The pictures are this machine's own: the time that the publisher gave them is by the local clock. */
    readonly own = false,
  ) {}

  get running(): boolean {
    return this.state !== 'stopped' && this.state !== 'failed';
  }

  async start(video: HTMLVideoElement): Promise<void> {
    this.stop();
    this.state = 'connecting';
    const abort = (this.abort = new AbortController());
    try {
      if (!('requestVideoFrameCallback' in video)) throw new Failure(unsupported('requestVideoFrameCallback'));
      const url = await this.url();
      abort.signal.throwIfAborted();
      this.started = performance.now();
      video.requestVideoFrameCallback((now, picture) => this.picture(video, abort.signal, now, picture));
      const failed = (p: Problem) => this.fail(video, abort, p);
      const playback = await this.begin({ url, video, failed, signal: abort.signal });
      if (abort.signal.aborted) return playback.stop();
      this.playback = playback;
      this.poll = setInterval(() => void this.measure(), pollEvery);
      await video.play().catch(() => undefined); // refused for sound: the user starts it
    } catch (e) {
      if (!abort.signal.aborted) this.fail(video, abort, problemOf(e));
    }
  }

  stop(): void {
    this.abort?.abort();
    this.abort = undefined;
    this.playback?.stop();
    this.playback = undefined;
    clearInterval(this.poll);
    clearTimeout(this.retry);
    this.state = 'stopped';
    this.problem = undefined;
    this.retrying = false;
    this.forget();
  }

  private forget(): void {
    this.delay = this.fps = this.firstPicture = undefined;
    this.unread = false;
    this.size = '';
    this.reception = {};
    this.pictures = [];
    this.lastPicture = this.lastStamp = 0;
    this.log.clear();
  }

  private fail(video: HTMLVideoElement, abort: AbortController, problem: Problem): void {
    if (abort.signal.aborted) return;
    const played = this.lastPicture > 0;
    this.stop();
    this.state = 'failed';
    this.problem = problem;
    if (!problem.passing) return;
    this.failures = played ? 0 : this.failures + 1;
    const wait = retryAfter[Math.min(this.failures, retryAfter.length - 1)];
    this.retrying = true;
    this.retry = setTimeout(() => void this.start(video), wait);
  }

  private picture(
    video: HTMLVideoElement,
    signal: AbortSignal,
    now: number,
    picture: VideoFrameCallbackMetadata,
  ): void {
    if (signal.aborted) return;
    video.requestVideoFrameCallback((n, p) => this.picture(video, signal, n, p));
    const serverNow = this.clock.now();
    this.firstPicture ??= now - this.started;
    this.lastPicture = now;
    this.state = 'playing';
    this.size = `${picture.width} × ${picture.height}`;
    this.pictures.push({ at: now, count: picture.presentedFrames });
    if (this.pictures.length > 90) this.pictures.shift();
    if (this.own) {
      const made = this.playback?.captured?.(picture.rtpTimestamp);
      if (made === undefined) return;
      this.lastStamp = now;
      this.log.push(now, performance.timeOrigin + performance.now() - made);
      return;
    }
    this.reader ??= new BarcodeReader();
    const stamp = this.reader.read(video);
    if (!stamp) return;
    this.lastStamp = now;
    this.log.push(now, delayOf(stamp, serverNow));
  }

  private async measure(): Promise<void> {
    const now = performance.now();
    const hidden = document.hidden; // then the browser shows no pictures
    if (this.state === 'playing' && !hidden && now - this.lastPicture > stalledAfter) this.state = 'stalled';
    this.delay = this.log.median(now);
    this.unread = this.lastPicture - Math.max(this.lastStamp, this.started) > 3000;
    const recent = this.pictures.filter((p) => now - p.at < 2000);
    const [first, last] = [recent[0], recent.at(-1)];
    // Up to now, not up to the last picture: a stall shows as fewer.
    this.fps = first && last && now - first.at > 500 ? ((last.count - first.count) * 1000) / (now - first.at) : undefined;
    const playback = this.playback;
    const reception = await playback?.reception();
    if (!reception || playback !== this.playback) return;
    this.reception = reception;
    // Sound alone is no reason to look like a connection that does not come.
    if (this.state === 'connecting' && reception.kbps && now - this.started > 3000) this.state = 'stalled';
  }
}
