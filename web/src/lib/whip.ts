// WebRTC: WHIP (RFC 9725). One POST, no candidates from here: the server learns
// them from the connectivity checks.

import { withCaptureTime } from './capturetime';
import { h264First, limit, type Quality } from './encoding';
import { blocked, Failure, unsupported } from './problem';
import { lostServer, publishing } from './publishing';
import { Resource } from './resource';
import { restarted, restartFragment, withStart, withStereo } from './sdp';
import { SentMeter, type Sent } from './sent';

const connectTimeout = 10_000; // ms
const restartAfter = 1500; // ms without connection
const mostAtStart = 1000; // kbit/s: little for a network of today, enough for a good picture

export interface Wish {
  url: string;
  media: MediaStream;
  quality: Quality;
  /** Called when the server receives, and with false when it does not any more for a while. */
  connected: (yes: boolean) => void;
  /** Called once, when publishing ends by itself. Not called after stop(). */
  failed: (p: Failure['problem']) => void;
  /** Aborts a start that is under way. */
  signal: AbortSignal;
}

/** Starts to publish. It returns when the server has answered; throws a Failure. */
export async function startWHIP(w: Wish): Promise<Publication> {
  if (typeof RTCPeerConnection === 'undefined') throw new Failure(unsupported('WebRTC'));
  const p = new Publication(w);
  try {
    await p.open();
    return p;
  } catch (e) {
    p.stop();
    throw e;
  }
}

export class Publication {
  private readonly pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  private readonly meter = new SentMeter();
  private resource: Resource | undefined;
  private answer = '';
  private timer: ReturnType<typeof setTimeout> | undefined;
  private reached = false;
  private restarting = false;
  private stopped = false;

  constructor(private readonly w: Wish) {
    for (const track of w.media.getTracks()) {
      const t = this.pc.addTransceiver(track, { direction: 'sendonly', streams: [w.media] });
      if (track.kind === 'video') {
        withCaptureTime(t);
        t.setCodecPreferences(h264First(RTCRtpReceiver.getCapabilities('video')?.codecs ?? []));
      }
    }
    this.pc.onconnectionstatechange = () => this.changed();
  }

  async open(): Promise<void> {
    await this.pc.setLocalDescription();
    this.resource = await Resource.create(this.w.url, this.pc.localDescription?.sdp ?? '', this.w.signal, publishing);
    this.answer = this.resource.answer;
    this.within(connectTimeout, () => this.end(!this.reached));
    await this.accept();
    for (const { transport } of this.pc.getSenders()) {
      // A server that says goodbye closes DTLS, which connectionState does not tell.
      if (transport) transport.onstatechange = () => this.end(transport.state === 'closed' || transport.state === 'failed');
    }
    await this.limit(this.w.quality);
    addEventListener('online', this.moved);
    connection()?.addEventListener('change', this.moved);
  }

  /** A browser encodes stereo when the receiver's description says so (RFC 7587 section 7). */
  private accept(): Promise<void> {
    const { stereo, kbps } = this.w.quality;
    const sdp = withStart(stereo ? withStereo(this.answer) : this.answer, Math.min(kbps, mostAtStart));
    return this.pc.setRemoteDescription({ type: 'answer', sdp });
  }

  /** There is one thing at a time to wait for. */
  private within(ms: number, then: () => void): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(then, ms);
  }

  private changed(): void {
    switch (this.pc.connectionState) {
      case 'connected':
        clearTimeout(this.timer);
        this.reached = true;
        this.restarting = false;
        this.w.connected(true);
        break;
      case 'disconnected':
        this.w.connected(false);
        this.within(restartAfter, () => void this.restart());
        break;
      case 'failed':
        this.w.connected(false);
        if (this.reached && !this.restarting) void this.restart();
        else this.end(true);
        break;
      case 'closed':
        this.end(true);
    }
  }

  /** The device has another network: do not wait until the old one is missed. */
  private readonly moved = () => void this.restart();

  /** Finds a new way to the server for the same session (RFC 9725 section 4.3.3). */
  async restart(): Promise<void> {
    if (this.stopped || !this.resource || this.pc.signalingState !== 'stable') return;
    this.restarting = true;
    this.within(connectTimeout, () => {
      this.restarting = false;
      this.end(this.pc.connectionState !== 'connected');
    });
    try {
      await this.pc.setLocalDescription(await this.pc.createOffer({ iceRestart: true }));
      const fragment = await this.resource.restart(restartFragment(this.pc.localDescription?.sdp ?? ''));
      if (this.stopped) return;
      if (fragment === undefined) return this.end(true); // a new session does it as well
      this.answer = restarted(this.answer, fragment);
      await this.accept();
    } catch {
      // The server is not reached now; the timer ends this if that lasts.
      await this.pc.setLocalDescription({ type: 'rollback' }).catch(() => undefined);
    }
  }

  /** The server or the network ended it. */
  private end(really: boolean): void {
    if (!really || this.stopped) return;
    this.stop();
    this.w.failed(this.reached ? lostServer : blocked);
  }

  /** Changes size limits and bit rates while it runs. */
  async limit(q: Quality): Promise<void> {
    for (const sender of this.pc.getSenders()) if (sender.track) await limit(sender, q);
  }

  /** Whether it has what media needs, so that each track can take another's place. */
  carries(media: MediaStream): boolean {
    const kinds = (tracks: (MediaStreamTrack | null)[]) => tracks.map((t) => t?.kind).sort().join();
    return kinds(this.pc.getSenders().map((s) => s.track)) === kinds(media.getTracks());
  }

  /** Sends another track of the same kind from now on. */
  async replace(track: MediaStreamTrack): Promise<void> {
    await this.pc.getSenders().find((s) => s.track?.kind === track.kind)?.replaceTrack(track);
  }

  async sent(): Promise<Sent> {
    return this.meter.next((await this.pc.getStats()).values(), performance.now());
  }

  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    clearTimeout(this.timer);
    removeEventListener('online', this.moved);
    connection()?.removeEventListener('change', this.moved);
    this.pc.onconnectionstatechange = null;
    for (const { transport } of this.pc.getSenders()) if (transport) transport.onstatechange = null;
    void (this.resource?.leave() ?? Promise.resolve()).finally(() => this.pc.close());
  }
}

/** Not every browser tells about the network. */
function connection(): EventTarget | undefined {
  return (navigator as { connection?: EventTarget }).connection;
}
