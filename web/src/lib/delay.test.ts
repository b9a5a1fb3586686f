import { expect, test } from 'vitest';
import { Trace, median, words } from './delay';

test('median', () => {
  expect(median([])).toBeUndefined();
  expect(median([5])).toBe(5);
  expect(median([9, 1, 5])).toBe(5);
  expect(median([4, 1, 3, 2])).toBe(2.5);
});

test('the log forgets what is old and looks at the last two seconds', () => {
  const log = new Trace(10_000);
  for (let at = 0; at <= 20_000; at += 1000) log.push(at, at / 10);
  expect(log.all().length).toBe(11);
  expect(log.median(20_000)).toBe(1900);
  expect(log.median(30_000)).toBeUndefined();
  log.clear();
  expect(log.median(20_000)).toBeUndefined();
});

test('words', () => {
  expect(words(38.4)).toBe('38 ms');
  expect(words(-3)).toBe('-3 ms');
  expect(words(1423)).toBe('1.42 s');
});
