// When a picture was made, as its packets tell: the abs-capture-time header
// extension. Browsers know it, but have to be asked to use it.

const uri = 'http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time';
const ntp = 2_208_988_800_000; // ms from 1900, where NTP counts from, to 1970

interface Negotiable {
  getHeaderExtensionsToNegotiate?(): { uri: string; direction: RTCRtpTransceiverDirection }[];
  setHeaderExtensionsToNegotiate?(extensions: unknown[]): void;
}

/** Puts the extension into the offer, in browsers that can. */
export function withCaptureTime(t: RTCRtpTransceiver): void {
  const n = t as Negotiable;
  const all = n.getHeaderExtensionsToNegotiate?.();
  const ours = all?.find((e) => e.uri === uri);
  if (!all || !ours) return;
  ours.direction = 'sendrecv'; // of the extension, not of the medium
  n.setHeaderExtensionsToNegotiate?.(all);
}

/** When the picture with a timestamp was made, in ms since the Unix epoch by the clock of the machine that made it. */
export function captureTimeOf(receiver: RTCRtpReceiver | undefined, rtpTimestamp: number | undefined): number | undefined {
  const sources = (receiver?.getSynchronizationSources() ?? []) as (RTCRtpSynchronizationSource & { captureTimestamp?: number })[];
  const made = sources.find((s) => s.rtpTimestamp === rtpTimestamp)?.captureTimestamp;
  return made === undefined ? undefined : made - ntp;
}
