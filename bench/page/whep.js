// Playing by WHEP, and what the browser says of it.

/** A WHEP session up to the answer. `begin` is awaited before the POST; `offer` edits what is offered, `through` the answer. */
export async function whep(url, video, { begin = async () => {}, offer = (sdp) => sdp, through = (sdp) => sdp } = {}) {
  const pc = new RTCPeerConnection();
  const media = new MediaStream();
  pc.ontrack = (e) => {
    media.addTrack(e.track);
    video.srcObject = media;
  };
  pc.addTransceiver('video', { direction: 'recvonly' });
  pc.addTransceiver('audio', { direction: 'recvonly' });
  const { sdp } = await pc.createOffer();
  await pc.setLocalDescription({ type: 'offer', sdp: offer(sdp) });
  await begin();
  const posted = performance.now();
  const reply = await fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: pc.localDescription.sdp });
  const body = await reply.text();
  const answered = performance.now();
  if (reply.status !== 201) throw new Error(`WHEP: ${reply.status}: ${body}`);
  const resource = new URL(reply.headers.get('Location'), url).href;
  await pc.setRemoteDescription({ type: 'answer', sdp: through(body) });
  const close = async () => {
    await fetch(resource, { method: 'DELETE' });
    pc.close();
    video.srcObject = null;
  };
  return { pc, posted, answered, close };
}

export async function received(pc) {
  const all = [...(await pc.getStats()).values()];
  const of = (kind) => all.find((s) => s.type === 'inbound-rtp' && s.kind === kind) ?? {};
  return { all, video: of('video'), audio: of('audio') };
}

/** Edits an answer so that its addresses lead to another port. */
export const detour = (from, to) => (to ? (sdp) => sdp.replaceAll(` ${from} typ host`, ` ${to} typ host`) : undefined);
