// WebRTC: WHEP (draft-ietf-wish-whep). One POST, no candidates from here: the
// server learns them from the connectivity checks.

import type { Options, Playback, Reception } from './playback';
import { Rate } from './playback';
import { blocked, ended, Failure, unsupported } from './problem';
import { captureTimeOf, withCaptureTime } from './capturetime';
import { Resource } from './resource';
import { withRepeats, withStereo } from './sdp';

const connectTimeout = 10_000;

export async function startWHEP(o: Options): Promise<Playback> {
  if (typeof RTCPeerConnection === 'undefined') throw new Failure(unsupported('WebRTC'));
  const session = new Session(o);
  try {
    await session.open();
    return session;
  } catch (e) {
    session.stop();
    throw e;
  }
}

class Session implements Playback {
  private readonly pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  private readonly media = new MediaStream();
  private readonly rate = new Rate();
  private resource: Resource | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private connected = false;
  private stopped = false;

  constructor(private readonly o: Options) {
    withCaptureTime(this.pc.addTransceiver('video', { direction: 'recvonly' }));
    this.pc.addTransceiver('audio', { direction: 'recvonly' });
    this.pc.ontrack = (e) => this.media.addTrack(e.track);
    this.pc.onconnectionstatechange = () => this.changed();
  }

  async open(): Promise<void> {
    const { sdp } = await this.pc.createOffer();
    await this.pc.setLocalDescription({ type: 'offer', sdp: withRepeats(withStereo(sdp ?? '')) });
    this.resource = await Resource.create(this.o.url, this.pc.localDescription?.sdp ?? '', this.o.signal);
    await this.pc.setRemoteDescription({ type: 'answer', sdp: this.resource.answer });
    for (const { transport } of this.pc.getReceivers()) {
      // A server that says goodbye closes DTLS, which connectionState does not tell.
      if (transport) transport.onstatechange = () => this.end(transport.state === 'closed' || transport.state === 'failed');
    }
    this.o.video.srcObject = this.media;
    this.timer = setTimeout(() => this.end(!this.connected), connectTimeout);
    if (this.connected) clearTimeout(this.timer);
  }

  private changed(): void {
    switch (this.pc.connectionState) {
      case 'connected':
        this.connected = true;
        clearTimeout(this.timer);
        break;
      case 'failed':
      case 'closed':
        this.end(true);
    }
  }

  /** The server or the network ended it. */
  private end(really: boolean): void {
    if (!really || this.stopped) return;
    const problem = this.connected ? ended : blocked;
    this.stop();
    this.o.failed(problem);
  }

  async reception(): Promise<Reception> {
    const r: Reception = {};
    let bytes = 0;
    let lost = 0;
    let received = 0;
    for (const s of (await this.pc.getStats()).values()) {
      if (s.type !== 'inbound-rtp') continue;
      bytes += s.bytesReceived ?? 0;
      lost += s.packetsLost ?? 0;
      received += s.packetsReceived ?? 0;
      if (s.kind === 'video') r.dropped = s.framesDropped;
    }
    return { ...r, lost, received, kbps: this.rate.next(bytes, performance.now()) };
  }

  captured(rtpTimestamp: number | undefined): number | undefined {
    return captureTimeOf(this.pc.getReceivers().find((r) => r.track.kind === 'video'), rtpTimestamp);
  }

  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    clearTimeout(this.timer);
    this.pc.onconnectionstatechange = null;
    for (const { transport } of this.pc.getReceivers()) if (transport) transport.onstatechange = null;
    if (this.o.video.srcObject === this.media) this.o.video.srcObject = null;
    // Not earlier: the server would have forgotten the session before it is told.
    void (this.resource?.leave() ?? Promise.resolve()).finally(() => this.pc.close());
  }
}
