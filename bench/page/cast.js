// A broadcaster in the page, which publishes the stage by WHIP.

import { withStart } from '/sdp.js';
import { send, stage } from '/stage.js';

/**
 * Publishes until the returned stop() is called. `through` edits the answer;
 * `layers` and `busy` as the stage has them; `start` is the bit rate to begin with,
 * in kbit/s.
 */
export async function cast(url, { sound, busy, layers, start, through = (sdp) => sdp } = {}) {
  const { stream, stop } = stage({ sound, busy });
  const pc = new RTCPeerConnection();
  send(pc, stream, layers);
  await pc.setLocalDescription();
  const posted = performance.now();
  const reply = await fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: pc.localDescription.sdp });
  const body = await reply.text();
  if (reply.status !== 201) throw new Error(`WHIP: ${reply.status}: ${body}`);
  const resource = new URL(reply.headers.get('Location'), url).href;
  await pc.setRemoteDescription({ type: 'answer', sdp: through(start ? withStart(body, start) : body) });
  return {
    pc, posted, answered: performance.now(),
    async stop() {
      await fetch(resource, { method: 'DELETE' });
      pc.close();
      stop();
    },
  };
}
