// The floor: two RTCPeerConnections in one page, with nothing between them.

import { send, stage } from '/stage.js';

/** Shows the stage in video by way of WebRTC; the returned function ends it. */
export async function loopback(video, options) {
  const { stream, stop } = stage(options);
  const [from, to] = [new RTCPeerConnection(), new RTCPeerConnection()];
  from.onicecandidate = (e) => to.addIceCandidate(e.candidate);
  to.onicecandidate = (e) => from.addIceCandidate(e.candidate);
  const media = new MediaStream();
  to.ontrack = (e) => {
    media.addTrack(e.track);
    video.srcObject = media;
  };
  send(from, stream);
  await from.setLocalDescription();
  await to.setRemoteDescription(from.localDescription);
  await to.setLocalDescription();
  await from.setRemoteDescription(to.localDescription);
  return () => {
    from.close();
    to.close();
    stop();
    video.srcObject = null;
  };
}
