import { expect, test } from 'vitest';
import { refused } from './problem';
import { captureProblem, gone, insecure, publishing } from './publishing';

const thrown = (name: string, message = '') => new DOMException(message, name);

test.each([
  [thrown('NotAllowedError', 'Permission denied'), 'camera', /camera may not be used/, /Permission was denied/],
  [thrown('NotAllowedError', 'Permission denied by system'), 'camera', /does not let the browser use the camera/, /settings of the system/],
  [thrown('NotAllowedError'), 'screen', /No screen was chosen/, /choose a screen/],
  [thrown('NotFoundError'), 'camera and microphone', /No camera or microphone was found/, /Plug one in/],
  [thrown('NotReadableError'), 'microphone', /microphone does not start/, /Another program/],
  [thrown('OverconstrainedError'), 'camera', /not there any more/, /another one/],
  [new Error('odd'), 'camera', /Capturing failed/, /odd/],
] as const)('%s: %s', (e, device, title, advice) => {
  const p = captureProblem(e, device);
  expect(p.title).toMatch(title);
  expect(p.advice).toMatch(advice);
});

test.each([
  [{ status: 403, code: 'auth', detail: 'expired' }, /key is not accepted/, /The server says: expired$/, false],
  [{ status: 403 }, /key is not accepted/, /new publish address/, false],
  [{ status: 409, code: 'taken' }, /Somebody else publishes/, /--take-over always/, false],
  [{ status: 406, code: 'codec' }, /cannot use/, /H264/, false],
  [{ status: 503, code: 'limit' }, /full/, /no more streams/, true],
])('a refusal: %o', (refusal, title, advice, passing) => {
  const p = refused(refusal, publishing);
  expect(p.title).toMatch(title);
  expect(p.advice).toMatch(advice);
  expect(p.passing).toBe(passing);
});

test('a page without a secure context is told both ways out', () => {
  const { advice } = insecure({ hostname: '192.168.1.7', port: '8080', pathname: '/publish' });
  expect(advice).toMatch('--tls');
  expect(advice).toMatch('https://192.168.1.7:8443/publish');
  expect(advice).toMatch('http://localhost:8080/publish');
});

test('what goes away is named', () => {
  expect(gone('screen').title).toMatch(/Sharing/);
  expect(gone('microphone').title).toMatch(/microphone/);
});
