// WebRTC: WHEP (draft-ietf-wish-whep). One POST, no candidates from here: the
// server learns them from the connectivity checks.

import type { Options, Playback, Reception } from './playback';
import { Rate } from './playback';
import { blocked, ended, PlayError, refused, unreachable, unsupported, type Refusal } from './problem';
import { withStereo } from './sdp';

const answerTimeout = 10_000;
const connectTimeout = 10_000;

export async function startWHEP(o: Options): Promise<Playback> {
  if (typeof RTCPeerConnection === 'undefined') throw new PlayError(unsupported('WebRTC'));
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
  private resource: string | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private connected = false;
  private stopped = false;

  constructor(private readonly o: Options) {
    this.pc.addTransceiver('video', { direction: 'recvonly' });
    this.pc.addTransceiver('audio', { direction: 'recvonly' });
    this.pc.ontrack = (e) => this.media.addTrack(e.track);
    this.pc.onconnectionstatechange = () => this.changed();
  }

  async open(): Promise<void> {
    const { sdp } = await this.pc.createOffer();
    await this.pc.setLocalDescription({ type: 'offer', sdp: withStereo(sdp ?? '') });
    const answer = await this.post(this.pc.localDescription?.sdp ?? '');
    if (this.o.signal.aborted) throw new DOMException('stopped', 'AbortError');
    await this.pc.setRemoteDescription({ type: 'answer', sdp: answer });
    for (const { transport } of this.pc.getReceivers()) {
      // A server that says goodbye closes DTLS, which connectionState does not tell.
      if (transport) transport.onstatechange = () => this.end(transport.state === 'closed' || transport.state === 'failed');
    }
    this.o.video.srcObject = this.media;
    this.timer = setTimeout(() => this.end(!this.connected), connectTimeout);
    if (this.connected) clearTimeout(this.timer);
  }

  private async post(offer: string): Promise<string> {
    const timeout = AbortSignal.timeout(answerTimeout);
    const reply = await fetch(this.o.url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp' },
      body: offer,
      signal: AbortSignal.any([this.o.signal, timeout]),
    }).catch((e: unknown) => {
      if (this.o.signal.aborted) throw e;
      throw new PlayError(unreachable);
    });
    if (reply.status !== 201) throw new PlayError(refused(await refusalIn(reply)));
    const location = reply.headers.get('Location');
    if (location) this.resource = new URL(location, new URL(this.o.url, document.baseURI)).href;
    return reply.text();
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

  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    clearTimeout(this.timer);
    this.pc.onconnectionstatechange = null;
    for (const { transport } of this.pc.getReceivers()) if (transport) transport.onstatechange = null;
    if (this.o.video.srcObject === this.media) this.o.video.srcObject = null;
    const goodbye = this.resource
      ? // keepalive: it reaches the server also when the page is being left.
        fetch(this.resource, { method: 'DELETE', keepalive: true, signal: AbortSignal.timeout(2000) })
      : Promise.resolve();
    // Not earlier: the server would have forgotten the session before it is told.
    goodbye.catch(() => undefined).finally(() => this.pc.close());
  }
}

/** What the server says about a refusal: problem details (RFC 9457), or its header. */
async function refusalIn(reply: Response): Promise<Refusal> {
  const { status } = reply;
  const header = reply.headers.get('X-Tengine-Error') ?? undefined;
  try {
    const { code, detail } = (await reply.json()) as { code?: unknown; detail?: unknown };
    return {
      status,
      code: typeof code === 'string' ? code : undefined,
      detail: header ?? (typeof detail === 'string' ? detail : undefined),
    };
  } catch {
    return { status, detail: header };
  }
}
