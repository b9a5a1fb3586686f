import { expect, test } from 'vitest';
import { Failure, problemOf, refused, unreachable } from './problem';

test.each([
  [{ status: 404 }, /Nobody is publishing/, true],
  [{ status: 403 }, /signature/, false],
  [{ status: 403, code: 'auth' }, /signature/, false],
  [{ status: 403, code: 'unknown_domain' }, /host name/, false],
  [{ status: 406 }, /cannot play/, false],
  [{ status: 406, code: 'b_frames' }, /B-frames/, true],
  [{ status: 500 }, /refused \(500\)/, true],
  [{ status: 418 }, /refused \(418\)/, false],
])('%o', (refusal, title, passing) => {
  const p = refused(refusal);
  expect(p.title).toMatch(title);
  expect(p.passing).toBe(passing);
  expect(p.advice).not.toMatch(/undefined|The server says/);
});

test("the server's own sentence is told", () => {
  expect(refused({ status: 403, detail: 'expired timestamp' }).advice).toMatch(/Ask for a new one\. The server says: expired timestamp$/);
  expect(refused({ status: 418, detail: 'short and stout' }).advice).toBe('The server says: short and stout');
});

test('any error becomes a problem', () => {
  expect(problemOf(new Failure(unreachable))).toBe(unreachable);
  expect(problemOf(new TypeError('Failed to fetch'))).toBe(unreachable);
  expect(problemOf(new Error('odd')).advice).toBe('odd');
});
