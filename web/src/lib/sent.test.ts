import { expect, test } from 'vitest';
import { SentMeter } from './sent';

const report = (bytes: number, frames: number) => [
  { type: 'transport', id: 'T', selectedCandidatePairId: 'P' },
  { type: 'candidate-pair', id: 'P', currentRoundTripTime: 0.02, localCandidateId: 'L' },
  { type: 'local-candidate', id: 'L', protocol: 'udp' },
  { type: 'codec', id: 'A', mimeType: 'audio/opus' },
  { type: 'codec', id: 'V', mimeType: 'video/H264' },
  { type: 'outbound-rtp', id: 'a', kind: 'audio', bytesSent: 1000, codecId: 'A' },
  {
    type: 'outbound-rtp', id: 'v', kind: 'video', bytesSent: bytes, codecId: 'V', framesEncoded: frames,
    framesPerSecond: 30, frameWidth: 1280, frameHeight: 720, encoderImplementation: 'OpenH264', powerEfficientEncoder: false,
    qualityLimitationReason: 'cpu',
  },
  { type: 'remote-inbound-rtp', id: 'ra', fractionLost: 0 },
  { type: 'remote-inbound-rtp', id: 'rv', fractionLost: 0.05 },
];

test('a report is put in plain figures', () => {
  const meter = new SentMeter();
  expect(meter.next(report(0, 0), 0)).toMatchObject({ kbps: undefined, way: 'UDP' });
  expect(meter.next(report(125_000, 30), 1000)).toEqual({
    kbps: 1000, fps: 30, size: '1280 × 720', rtt: 20, loss: 0.05, codecs: 'H264, Opus', encoder: 'OpenH264', hardware: false,
    limited: 'cpu', way: 'UDP', frames: 30,
  });
});

test('an empty report tells nothing', () => {
  expect(Object.values(new SentMeter().next([], 0)).filter((v) => v !== undefined)).toEqual([]);
});
