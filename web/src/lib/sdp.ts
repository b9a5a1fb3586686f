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

/**
 * Takes repeats of lost sound: Chromium asks for them where its own offer says
 * so (RFC 4585 section 4.2), and does not say it by itself.
 */
export function withRepeats(sdp: string): string {
  const payload = /^a=rtpmap:(\d+) opus\/48000\/2\r?$/im.exec(sdp)?.[1];
  if (!payload || new RegExp(`^a=rtcp-fb:${payload} nack\\r?$`, 'm').test(sdp)) return sdp;
  return sdp.replace(new RegExp(`^(a=rtpmap:${payload} .*?)(\\r?)$`, 'm'), `$1$2\na=rtcp-fb:${payload} nack$2`);
}

/**
 * Lets a browser begin with a bit rate, in kbit/s, that suits its picture: left
 * alone, Chromium begins with 300 and takes its time to find out. Others ignore it.
 */
export function withStart(answer: string, kbps: number): string {
  const payload = /^a=rtpmap:(\d+) (?:H264|H265|VP8|VP9|AV1)\/90000\r?$/im.exec(answer)?.[1];
  if (!payload) return answer;
  const wish = `x-google-start-bitrate=${kbps}`;
  const fmtp = new RegExp(`^(a=fmtp:${payload} .*?)(\\r?)$`, 'm');
  if (fmtp.test(answer)) return answer.replace(fmtp, `$1;${wish}$2`);
  return answer.replace(new RegExp(`^(a=rtpmap:${payload} .*?)(\\r?)$`, 'm'), `$1\r\na=fmtp:${payload} ${wish}$2`);
}

const line = (sdp: string, name: string) => new RegExp(`^a=${name}:(.*?)\\r?$`, 'm').exec(sdp)?.[1] ?? '';

/** The fragment that asks for an ICE restart with the credentials of an offer (RFC 9725 section 4.3.3). */
export function restartFragment(offer: string): string {
  const m = /^m=.*?(?=\r?$)/m.exec(offer)?.[0] ?? '';
  const first = offer.slice(offer.indexOf(m));
  return [
    ...(line(offer, 'group') ? [`a=group:${line(offer, 'group')}`] : []),
    m,
    `a=mid:${line(first, 'mid')}`,
    `a=ice-ufrag:${line(offer, 'ice-ufrag')}`,
    `a=ice-pwd:${line(offer, 'ice-pwd')}`,
    '',
  ].join('\r\n');
}

/** An answer with the credentials and candidates of the fragment that answers a restart. */
export function restarted(answer: string, fragment: string): string {
  const [ufrag, pwd] = [line(fragment, 'ice-ufrag'), line(fragment, 'ice-pwd')];
  const candidates = fragment.match(/^a=(candidate:.*|end-of-candidates)$/gm) ?? [];
  const lines = answer
    .split(/\r?\n/)
    .filter((l) => !/^a=(candidate:|end-of-candidates)/.test(l))
    .map((l) => l.replace(/^(a=ice-ufrag:).*/, (_, head: string) => head + ufrag).replace(/^(a=ice-pwd:).*/, (_, head: string) => head + pwd));
  // They belong to the first m-line, which all others are bundled with.
  const second = lines.findIndex((l, i) => l.startsWith('m=') && lines.slice(0, i).some((before) => before.startsWith('m=')));
  const at = second < 0 ? lines.length - 1 : second;
  return [...lines.slice(0, at), ...candidates.map((c) => c.trimEnd()), ...lines.slice(at)].join('\r\n');
}
