import { expect, test } from 'vitest';

import { restarted, restartFragment, withRepeats, withStart, withStereo } from './sdp';

const opus = 'a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n';

test('asks for stereo in the parameters of Opus alone', () => {
  expect(withStereo(opus)).toBe(opus.replace('useinbandfec=1', 'useinbandfec=1;stereo=1'));
});

test('leaves an offer alone that says so already, or has no Opus', () => {
  const said = opus.replace('useinbandfec=1', 'stereo=0');
  expect(withStereo(said)).toBe(said);
  expect(withStereo('v=0\r\na=rtpmap:96 VP8/90000\r\n')).toBe('v=0\r\na=rtpmap:96 VP8/90000\r\n');
});

test('takes repeats of sound', () => {
  const asks = opus.replace('48000/2\r\n', '48000/2\r\na=rtcp-fb:111 nack\r\n');
  expect(withRepeats(opus)).toBe(asks);
  expect(withRepeats(asks)).toBe(asks);
  expect(withRepeats('v=0\r\na=rtpmap:96 VP8/90000\r\n')).toBe('v=0\r\na=rtpmap:96 VP8/90000\r\n');
});

test('tells where the bit rate begins, in the parameters of the picture', () => {
  const h264 = 'a=rtpmap:103 H264/90000\r\na=fmtp:103 packetization-mode=1\r\n';
  expect(withStart(opus + h264, 1000)).toBe(opus + h264.replace('=1\r', '=1;x-google-start-bitrate=1000\r'));
  const vp8 = 'a=rtpmap:96 VP8/90000\r\n';
  expect(withStart(vp8, 1000)).toBe(`${vp8}a=fmtp:96 x-google-start-bitrate=1000\r\n`);
  expect(withStart(opus, 1000)).toBe(opus);
});

const crlf = (...lines: string[]) => [...lines, ''].join('\r\n');

test('an ICE restart names the first m-line and the new credentials', () => {
  const offer = crlf(
    'v=0', 'a=group:BUNDLE 0 1',
    'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=ice-ufrag:neu', 'a=ice-pwd:geheim', 'a=mid:0',
    'm=video 9 UDP/TLS/RTP/SAVPF 96', 'a=ice-ufrag:neu', 'a=ice-pwd:geheim', 'a=mid:1',
  );
  expect(restartFragment(offer)).toBe(
    crlf('a=group:BUNDLE 0 1', 'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=mid:0', 'a=ice-ufrag:neu', 'a=ice-pwd:geheim'),
  );
});

test.each([['a=candidate:9 1 udp 1 10.0.0.9 8000 typ host'], ['a=candidate:9 1 udp 1 10.0.0.9 8000 typ host', 'a=end-of-candidates']])(
  'a restarted answer has the new credentials and candidates',
  (...candidates) => {
    const answer = (ufrag: string, ...c: string[]) =>
      crlf(
        'v=0', 'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=mid:0', `a=ice-ufrag:${ufrag}`, `a=ice-pwd:${ufrag}-pwd`, ...c,
        'm=video 9 UDP/TLS/RTP/SAVPF 96', 'a=mid:1', `a=ice-ufrag:${ufrag}`, `a=ice-pwd:${ufrag}-pwd`,
      );
    const fragment = crlf('m=audio 9 UDP/TLS/RTP/SAVPF 0', 'a=mid:0', 'a=ice-ufrag:$new', 'a=ice-pwd:$new-pwd', ...candidates);
    expect(restarted(answer('old', 'a=candidate:1 1 udp 1 127.0.0.1 1 typ host', 'a=end-of-candidates'), fragment)).toBe(
      answer('$new', ...candidates),
    );
  },
);

test('a restarted answer of one m-line ends with its candidates', () => {
  const answer = crlf('v=0', 'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=ice-ufrag:old', 'a=ice-pwd:old');
  expect(restarted(answer, crlf('a=ice-ufrag:new', 'a=ice-pwd:new', 'a=candidate:9'))).toBe(
    crlf('v=0', 'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=ice-ufrag:new', 'a=ice-pwd:new', 'a=candidate:9'),
  );
});
