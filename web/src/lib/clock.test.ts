import { expect, test } from 'vitest';
import { best } from './clock';

test('the fastest sample wins, and old ones are forgotten', () => {
  const now = 1_000_000;
  const old = { offset: 1, rtt: 1, at: now - 301_000 };
  const slow = { offset: 2, rtt: 40, at: now - 1000 };
  const fast = { offset: 3, rtt: 8, at: now - 200_000 };
  expect(best([old, slow, fast], now)).toBe(fast);
  expect(best([old], now)).toBeUndefined();
  expect(best([], now)).toBeUndefined();
});
