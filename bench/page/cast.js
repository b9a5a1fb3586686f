// A broadcaster in the page, which publishes the stage by WHIP.

import { send, stage } from '/stage.js';

/** Publishes until the returned stop() is called. `through` edits the answer. */
export async function cast(url, { sound, through = (sdp) => sdp } = {}) {
  const { stream, stop } = stage({ sound });
  const pc = new RTCPeerConnection();
  send(pc, stream);
  await pc.setLocalDescription();
  const posted = performance.now();
  const reply = await fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: pc.localDescription.sdp });
  const body = await reply.text();
  if (reply.status !== 201) throw new Error(`WHIP: ${reply.status}: ${body}`);
  const resource = new URL(reply.headers.get('Location'), url).href;
  await pc.setRemoteDescription({ type: 'answer', sdp: through(body) });
  return {
    pc, posted, answered: performance.now(),
    async stop() {
      await fetch(resource, { method: 'DELETE' });
      pc.close();
      stop();
    },
  };
}
