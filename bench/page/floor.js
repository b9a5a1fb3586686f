// The floor: two RTCPeerConnections in one page, with nothing between them. A
// canvas with the barcode of the clock is sent as H264.

import { clockStamp, drawBarcode } from '/barcode.js';

const width = 640, height = 360, fps = 30;

/** Shows the canvas in video by way of WebRTC; the returned function ends it. */
export async function loopback(video) {
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const context = canvas.getContext('2d', { alpha: false });
  const [track] = canvas.captureStream(0).getVideoTracks();
  track.contentHint = 'motion';
  const [from, to] = [new RTCPeerConnection(), new RTCPeerConnection()];
  from.onicecandidate = (e) => to.addIceCandidate(e.candidate);
  to.onicecandidate = (e) => from.addIceCandidate(e.candidate);
  to.ontrack = (e) => (video.srcObject = new MediaStream([e.track]));
  const sender = from.addTransceiver(track, { direction: 'sendonly', sendEncodings: [{ maxBitrate: 1_000_000 }] });
  sender.setCodecPreferences(RTCRtpSender.getCapabilities('video').codecs.filter((c) => c.mimeType === 'video/H264'));
  await from.setLocalDescription();
  await to.setRemoteDescription(from.localDescription);
  await to.setLocalDescription();
  await from.setRemoteDescription(to.localDescription);

  let n = 0, timer;
  const began = performance.now();
  const draw = () => {
    context.fillStyle = '#445';
    context.fillRect(0, 0, width, height);
    context.fillStyle = '#aab';
    context.fillRect((n * 3) % (width - 64), 120, 64, 64);
    drawBarcode(context, width, height, clockStamp(Date.now()));
    track.requestFrame();
    n++;
    timer = setTimeout(draw, Math.max(0, began + n * 1000 / fps - performance.now()));
  };
  draw();
  return () => {
    clearTimeout(timer);
    from.close();
    to.close();
    track.stop();
    video.srcObject = null;
  };
}
