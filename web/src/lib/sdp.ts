// What the browser leaves out of its own offer.

/**
 * Asks for stereo: a browser decodes Opus into as many channels as its own
 * offer says, whatever the answer does (RFC 7587 section 7), and says one.
 */
export function withStereo(sdp: string): string {
  const payload = /^a=rtpmap:(\d+) opus\/48000\/2\r?$/im.exec(sdp)?.[1];
  if (!payload) return sdp;
  const fmtp = new RegExp(`^(a=fmtp:${payload} )(.*?)(\\r?)$`, 'm');
  return sdp.replace(fmtp, (line, head: string, parameters: string, end: string) =>
    /(^|;)\s*stereo=/.test(parameters) ? line : `${head}${parameters};stereo=1${end}`,
  );
}
