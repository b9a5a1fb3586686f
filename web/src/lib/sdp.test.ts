import { expect, test } from 'vitest';

import { withStereo } from './sdp';

const opus = 'a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n';

test('asks for stereo in the parameters of Opus alone', () => {
  expect(withStereo(opus)).toBe(opus.replace('useinbandfec=1', 'useinbandfec=1;stereo=1'));
});

test('leaves an offer alone that says so already, or has no Opus', () => {
  const said = opus.replace('useinbandfec=1', 'stereo=0');
  expect(withStereo(said)).toBe(said);
  expect(withStereo('v=0\r\na=rtpmap:96 VP8/90000\r\n')).toBe('v=0\r\na=rtpmap:96 VP8/90000\r\n');
});
