import { close, devices, open, type Choice } from '../lib/capture';
import { Trace } from '../lib/delay';
import { pictures, usualRate, type Quality } from '../lib/encoding';
import { problemOf, type Problem } from '../lib/problem';
import { gone } from '../lib/publishing';
import type { Sent } from '../lib/sent';
import { startWHIP, type Publication } from '../lib/whip';

export type Stage = 'empty' | 'asking' | 'ready' | 'connecting' | 'live' | 'interrupted';

const pollEvery = 500; // ms
const stuckAfter = 2500; // ms without a picture sent
const retryAfter = [1000, 2000, 3000, 5000, 10_000]; // ms

/** What is captured and what is published: state, figures, and the way back after a failure. */
export class Studio {
  choice = $state<Choice>({ picture: 'camera', sound: 'microphone', camera: '', microphone: '' });
  quality = $state<Quality>({ height: 720, fps: 30, kbps: usualRate(720, 30), prefer: 'balanced', stereo: false });
  stage = $state<Stage>('empty');
  media = $state.raw<MediaStream>();
  cameras = $state.raw<MediaDeviceInfo[]>([]);
  microphones = $state.raw<MediaDeviceInfo[]>([]);
  problem = $state.raw<Problem>();
  /** What is odd, but does not end anything. */
  note = $state('');
  sent = $state.raw<Sent>({});
  /** The media that are published, "audio,video". */
  kinds = $state('');
  readonly log = new Trace();

  private publication: Publication | undefined;
  private abort: AbortController | undefined;
  private poll: ReturnType<typeof setInterval> | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private awake: WakeLockSentinel | undefined;
  private failures = 0;
  private frames = { count: 0, at: 0 };
  private asked = 0;

  /** url: where to publish; keys expire, so it is asked for each time. */
  constructor(private readonly url: () => Promise<string>) {}

  /** Somebody has pressed start, and not stop. */
  get publishing(): boolean {
    return this.stage === 'connecting' || this.stage === 'live' || this.stage === 'interrupted';
  }

  /** Opens what is chosen; what is being published goes on with it. */
  async capture(picture: Choice['picture'] = this.choice.picture): Promise<void> {
    const turn = ++this.asked;
    this.choice.picture = picture;
    if (picture !== 'screen' && this.choice.sound === 'screen') this.choice.sound = 'microphone';
    if (picture === 'none' && this.choice.sound === 'none') this.choice.sound = 'microphone';
    this.problem = undefined;
    this.note = '';
    const before = this.stage;
    if (!this.publishing) this.stage = 'asking';
    // Many a camera cannot be opened twice.
    if (picture !== 'screen') this.release();
    try {
      const { media, missing } = await open(this.choice, this.quality);
      if (turn !== this.asked) return close(media);
      this.release();
      this.note = missing;
      await this.use(media);
    } catch (e) {
      if (turn !== this.asked) return;
      this.problem = problemOf(e, 'Capturing failed');
      if (this.media) {
        if (!this.publishing) this.stage = before;
        return;
      }
      this.hangUp();
      this.stage = 'empty';
    }
    void this.look();
  }

  private async use(media: MediaStream): Promise<void> {
    this.media = media;
    for (const t of media.getTracks()) {
      t.onended = () => this.lost(media, t);
      if (t.kind === 'video') t.contentHint = this.choice.picture === 'screen' ? 'detail' : 'motion';
    }
    if (!this.publishing) {
      this.stage = 'ready';
      return;
    }
    const same = this.publication?.carries(media) ?? false;
    if (same) for (const t of media.getTracks()) await this.publication?.replace(t);
    else await this.start(); // a medium more or less is another session; viewers wait for it
  }

  private lost(media: MediaStream, track: MediaStreamTrack): void {
    if (media !== this.media) return;
    this.stop();
    this.discard();
    this.problem = gone(track.kind === 'audio' ? 'microphone' : this.choice.picture === 'screen' ? 'screen' : 'camera');
  }

  /** Takes up a changed size, rate or preference. */
  async adjust(): Promise<void> {
    const video = this.media?.getVideoTracks()[0];
    await video?.applyConstraints(pictures(this.quality)).catch(() => undefined); // it stays as it is
    await this.publication?.limit(this.quality).catch(() => undefined);
  }

  /** Takes up another kind of sound: the answer says how many channels, so a session that runs begins anew. */
  async restyle(): Promise<void> {
    if (!this.media) return;
    const was = this.publishing;
    await this.capture();
    if (was && this.publishing) await this.start();
  }

  /** Finds the devices there are. */
  async look(): Promise<void> {
    [this.cameras, this.microphones] = await Promise.all([devices('videoinput'), devices('audioinput')]);
  }

  async start(): Promise<void> {
    const media = this.media;
    if (!media) return;
    this.hangUp();
    this.problem = undefined;
    this.stage = 'connecting';
    this.kinds = media.getTracks().map((t) => t.kind).sort().join();
    const abort = (this.abort = new AbortController());
    const failed = (p: Problem) => this.fail(abort, p);
    try {
      const url = await this.url();
      abort.signal.throwIfAborted();
      const connected = (yes: boolean) => !abort.signal.aborted && this.connected(yes);
      const publication = await startWHIP({ url, media, quality: this.quality, connected, failed, signal: abort.signal });
      if (abort.signal.aborted) return publication.stop();
      this.publication = publication;
      this.frames = { count: -1, at: performance.now() };
      this.poll = setInterval(() => void this.measure(), pollEvery);
    } catch (e) {
      failed(problemOf(e, 'Publishing failed'));
    }
  }

  private connected(yes: boolean): void {
    this.stage = yes ? 'live' : 'interrupted';
    if (!yes) return;
    this.failures = 0;
    // A sleeping screen stops the camera of a phone.
    void navigator.wakeLock?.request('screen').then(
      (lock) => {
        void this.awake?.release();
        this.awake = lock;
        if (this.stage !== 'live') void lock.release();
      },
      () => undefined,
    );
  }

  private fail(abort: AbortController, problem: Problem): void {
    if (abort.signal.aborted) return;
    this.hangUp();
    this.problem = problem;
    this.stage = problem.passing ? 'interrupted' : 'ready';
    if (problem.passing) this.retry = setTimeout(() => void this.start(), retryAfter[Math.min(this.failures++, retryAfter.length - 1)]);
  }

  /** Ends publishing; the picture stays. */
  stop(): void {
    this.hangUp();
    this.failures = 0;
    this.problem = undefined;
    if (this.publishing) this.stage = this.media ? 'ready' : 'empty';
  }

  /** Lets go of the devices as well. */
  discard(): void {
    this.asked++;
    this.stop();
    this.release();
    this.note = '';
    this.stage = 'empty';
  }

  private release(): void {
    close(this.media);
    this.media = undefined;
  }

  private hangUp(): void {
    this.abort?.abort();
    this.abort = undefined;
    this.publication?.stop();
    this.publication = undefined;
    clearInterval(this.poll);
    clearTimeout(this.retry);
    void this.awake?.release();
    this.awake = undefined;
    this.sent = {};
    this.log.clear();
  }

  private async measure(): Promise<void> {
    const { publication } = this;
    const sent = await publication?.sent();
    if (!sent || publication !== this.publication) return;
    this.sent = sent;
    const now = performance.now();
    if (sent.kbps !== undefined) this.log.push(now, sent.kbps);
    this.watch(sent.frames, now);
  }

  /** Pictures that stop going out have a reason that the user can do something about. */
  private watch(frames: number | undefined, now: number): void {
    if (frames === undefined || this.stage !== 'live') return;
    const silent = now - this.frames.at;
    if (frames !== this.frames.count) {
      if (silent > stuckAfter) this.note = document.hidden || this.away ? inBackground : '';
      else if (this.note === paused || this.note === still) this.note = '';
      this.frames = { count: frames, at: now };
      this.away = document.hidden;
      return;
    }
    if (silent < stuckAfter) return;
    this.away ||= document.hidden;
    const muted = this.media?.getVideoTracks()[0]?.muted;
    this.note = this.away ? inBackground : muted ? paused : still;
  }

  private away = false;
}

const inBackground = 'No pictures went out while this tab was in the background. Keep it in front while you publish.';
const paused = 'The system has paused the camera: another program took it, or it is covered. Pictures go on when it comes back.';
const still = 'No new pictures are going out: what you share may be standing still.';
