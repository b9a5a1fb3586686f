import { expect, test } from 'vitest';
import { change, rate, verdict, type Viewer } from './viewing';

const fine: Viewer = {
  id: 'a', stream: 's', peer: '127.0.0.1:9', state: 'live', seconds: 60, rtt_ms: 20, loss: 0, lost: 0, estimate_bps: 5e6,
  measured: true, network_queue_ms: 0, queue_age_ms: 0, capture_to_send_ms: 3, packets: 1000, bytes: 1_000_000, nacked: 0,
  resent: 0, pli: 0, drops: {},
};

test('two looks tell rates', () => {
  const now = { ...fine, packets: 1200, bytes: 1_250_000, resent: 20, drops: { congested: 30, layer: 5 } };
  expect(change({ ...fine, drops: { congested: 10, layer: 5 } }, now, 2)).toEqual({ kbps: 1000, resent: 0.1, dropped: { congested: 10 } });
  expect(change(undefined, now, 2)).toBeUndefined();
  expect(change(now, fine, 2)).toBeUndefined();
  expect(change(fine, fine, 1)?.resent).toBe(0);
});

test.each([
  [{}, {}, 'good', 'Nothing is wrong'],
  [{ state: 'connecting', seconds: 9 }, {}, 'bad', 'Has not connected'],
  [{ state: 'connecting', seconds: 1 }, {}, 'good', 'connecting'],
  [{ estimate_bps: 1_250_000 }, { congested: 3 }, 'bad', 'about 1.3 Mbit/s, less than the stream'],
  [{ loss: 0.3 }, { queue_full: 3 }, 'bad', 'TCP'],
  [{}, { skip_age: 1 }, 'bad', 'overloaded'],
  [{}, { codec: 1 }, 'bad', 'play anew'],
  [{ state: 'waiting' }, {}, 'fair', 'next key frame'],
  [{}, { thinned: 1 }, 'fair', 'no other needs'],
  [{ loss: 0.12 }, {}, 'bad', '12 %'],
  [{ loss: 0.031 }, {}, 'fair', '3.1 %'],
  [{ network_queue_ms: 400 }, {}, 'fair', '400 ms'],
  [{ rtt_ms: 300 }, {}, 'fair', 'Far away'],
  [{ capture_to_send_ms: 2500 }, {}, 'fair', 'publisher'],
])('%o and drops %o: %s', (viewer, dropped, level, says) => {
  const v = verdict({ ...fine, ...viewer }, { kbps: 1, resent: 0, dropped });
  expect(v.level).toBe(level);
  expect(v.says).toContain(says);
});

test('rates in words', () => {
  expect(rate(999_000)).toBe('999 kbit/s');
  expect(rate(2_500_000)).toBe('2.5 Mbit/s');
});
