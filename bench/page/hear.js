// What of the sound a player has to make up because it was lost.

import { withRepeats, withStereo } from '/sdp.js';
import { detour, received, whep } from '/whep.js';

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function screen() {
  const video = document.createElement('video');
  Object.assign(video, { muted: true, autoplay: true, playsInline: true });
  document.body.replaceChildren(video);
  return video;
}

async function listen(pc, warm, span) {
  await wait(warm);
  const { audio: a } = await received(pc);
  await wait(span);
  const { audio: b } = await received(pc);
  const more = (name) => (b[name] ?? 0) - (a[name] ?? 0);
  return {
    samples: more('totalSamplesReceived'), concealed: more('concealedSamples') - more('silentConcealedSamples'), silent: more('silentConcealedSamples'),
    lost: more('packetsLost'), received: more('packetsReceived'), redundant: more('packetsDiscarded'), repeats: more('retransmittedPacketsReceived'),
    jitter: more('jitterBufferDelay') * 1000 / more('jitterBufferEmittedCount'),
  };
}

/** With the offer of the project's own page. */
export async function concealed(url, ports, warm, span) {
  const session = await whep(url, screen(), { offer: (sdp) => withRepeats(withStereo(sdp)), through: detour(ports.server, ports.down) });
  try {
    return await listen(session.pc, warm, span);
  } finally {
    await session.close();
  }
}

/** By the vendor's SDK, whose connection is found and led astray by its use of the browser. */
export async function concealedSDK(url, ports, warm, span) {
  const through = detour(ports.server, ports.down);
  const { setRemoteDescription } = RTCPeerConnection.prototype;
  let pc;
  RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
    pc = this;
    return setRemoteDescription.call(this, { type, sdp: through(sdp) });
  };
  const client = AliRTS.createClient({ trackLog: false, customReporter: () => {} });
  try {
    const stream = await client.subscribe(url, {});
    stream.play(screen());
    return await listen(pc, warm, span);
  } finally {
    RTCPeerConnection.prototype.setRemoteDescription = setRemoteDescription;
    await client.unsubscribe();
  }
}
