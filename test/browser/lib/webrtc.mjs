// Plain WHIP and WHEP clients, as anybody would write them, in a page.

/**
 * Runs in the page: makes a connection for one of the two, sends its offer and
 * keeps the answer for accept().
 */
async function offer([url, o]) {
  const pc = new RTCPeerConnection();
  const order = (t, kind) => {
    if (!o.codecs || kind !== 'video') return;
    const all = RTCRtpReceiver.getCapabilities('video').codecs;
    const aids = all.filter((c) => /rtx|red|ulpfec/.test(c.mimeType));
    t.setCodecPreferences([...o.codecs.flatMap((n) => all.filter((c) => c.mimeType === `video/${n}`)), ...aids]);
  };
  if (o.send) {
    const media = o.media ? globalThis[o.media] : new MediaStream();
    if (!o.media && o.send.includes('video')) {
      const camera = await navigator.mediaDevices.getUserMedia({ video: { width: o.width, height: o.height, frameRate: 30 } });
      media.addTrack(camera.getVideoTracks()[0]);
    }
    if (!o.media && o.send.includes('audio')) {
      const context = new AudioContext();
      const tone = new OscillatorNode(context, { frequency: 440 });
      const out = new MediaStreamAudioDestinationNode(context, { channelCount: 2 });
      tone.connect(new GainNode(context, { gain: 0.3 })).connect(out);
      tone.start();
      media.addTrack(out.stream.getAudioTracks()[0]);
    }
    for (const track of media.getTracks()) order(pc.addTransceiver(track, { direction: 'sendonly', streams: [media] }), track.kind);
  } else {
    const video = document.querySelector('video');
    const media = new MediaStream();
    pc.ontrack = (e) => { media.addTrack(e.track); video.srcObject = media; };
    for (const kind of ['audio', 'video']) order(pc.addTransceiver(kind, { direction: 'recvonly' }), kind);
  }
  await pc.setLocalDescription();
  const res = await fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: pc.localDescription.sdp });
  const answered = performance.timeOrigin + performance.now();
  const body = await res.text();
  const head = { status: res.status, type: res.headers.get('content-type'), etag: res.headers.get('etag'), body, answered };
  if (res.status !== 201) {
    pc.close();
    return head;
  }
  globalThis.pc?.close();
  globalThis.pc = pc;
  globalThis.resource = new URL(res.headers.get('location'), url).href;
  return head;
}

const accept = (sdp) => globalThis.pc.setRemoteDescription({ type: 'answer', sdp });

async function open(page, url, o, { only, relay } = {}) {
  const head = await page.evaluate(offer, [url, o]);
  if (head.status !== 201) return head;
  let sdp = head.body;
  if (only) sdp = candidates(sdp, (c) => c.toLowerCase().includes(` ${only} `) && c);
  if (relay) sdp = await relay.between(sdp);
  await page.evaluate(accept, sdp);
  return head;
}

/** The answer with its candidates passed through `to`, which may drop them. */
export const candidates = (sdp, to) =>
  sdp.split('\r\n').map((l) => (l.startsWith('a=candidate:') ? to(l) : l)).filter((l) => l !== false).join('\r\n');

/**
 * Publishes the fake camera and a tone of 440 Hz. Resolves with the status, the
 * type, the etag and the body of the answer, and when it came (Unix ms).
 *   send    media, ['audio', 'video']
 *   codecs  of the picture, in this order and no others, as ['H264']
 *   width, height  of the camera, 640 x 360
 *   media   what to send instead: the page's global MediaStream of this name
 *   only    keeps candidates of one transport, "udp" or "tcp"
 *   relay   a Relay to send through
 */
export const whip = (page, url, { send = ['audio', 'video'], media, codecs, width = 640, height = 360, ...way } = {}) =>
  open(page, url, { send, media, codecs, width, height }, way);

/** Plays in the page's video element; options as for whip(). */
export const whep = (page, url, { codecs, ...way } = {}) => open(page, url, { codecs }, way);

/** What the page's connection tells. */
export const stats = (page) => page.evaluate(async () => {
  const all = [...(await globalThis.pc.getStats()).values()];
  const transport = all.find((s) => s.type === 'transport');
  const pair = all.find((s) => s.id === transport.selectedCandidatePairId);
  const rtp = (kind) => all.find((s) => /^(in|out)bound-rtp$/.test(s.type) && s.kind === kind);
  const codec = (kind) => all.find((s) => s.id === rtp(kind)?.codecId)?.mimeType;
  return {
    transport, remote: all.find((s) => s.id === pair?.remoteCandidateId),
    codecs: all.filter((s) => s.type === 'codec').map((s) => s.mimeType).sort(),
    video: rtp('video'), audio: rtp('audio'), videoCodec: codec('video'), audioCodec: codec('audio'),
  };
});

/** Ends the session by DELETE; resolves with the status. */
export const hangUp = (page) => page.evaluate(async () => (await fetch(globalThis.resource, { method: 'DELETE' })).status);
