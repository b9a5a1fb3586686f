import { expect, test } from 'vitest';
import { h264First, usualRate } from './encoding';

const h264 = (fmtp: string) => ({ mimeType: 'video/H264', sdpFmtpLine: fmtp });

test('H264 comes first, the kind that everybody decodes before the others', () => {
  const vp8 = { mimeType: 'video/VP8' };
  const rtx = { mimeType: 'video/rtx' };
  const high = h264('level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f');
  const single = h264('packetization-mode=0;profile-level-id=42001f');
  const base = h264('packetization-mode=1;profile-level-id=42001f');
  const constrained = h264('packetization-mode=1;profile-level-id=42e01f');
  expect(h264First([vp8, rtx, high, single, base, constrained])).toEqual([base, constrained, high, single, vp8, rtx]);
  expect(h264First([vp8, rtx])).toEqual([vp8, rtx]);
});

test('the usual bit rate grows with size and frame rate', () => {
  expect([usualRate(360, 30), usualRate(720, 30), usualRate(720, 15), usualRate(1080, 60)]).toEqual([800, 2500, 1750, 6750]);
});
