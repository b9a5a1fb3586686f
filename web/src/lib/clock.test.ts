import { expect, test } from 'vitest';
import { offsetFrom } from './clock';

// The server is 100 ms ahead. The way there and the way back take their time.
const sample = (at: number, there: number, back: number, ahead = 100) => ({
  sent: at,
  ms: at + there + ahead,
  received: at + there + back,
});

test('one sample is off by half its round trip at most', () => {
  expect(offsetFrom([sample(0, 2, 8)])).toEqual({ ms: 97, error: 5 });
  expect(offsetFrom([])).toBeUndefined();
});

test('samples that were slow on different ways agree on less', () => {
  const found = offsetFrom([sample(0, 2, 30), sample(1000, 40, 1)]);
  expect(found).toEqual({ ms: 100.5, error: 1.5 });
});

test('when a clock was set, the newest samples count', () => {
  const found = offsetFrom([sample(0, 1, 1), sample(1000, 1, 1), sample(2000, 1, 3, 5000), sample(3000, 1, 1, 5000)]);
  expect(found).toEqual({ ms: 5000, error: 1 });
});
