import { expect, test } from 'vitest';
import { typed } from './target';

const here = 'localhost:8080';
const key = '1763640000-0-0-abc';
const signed = {
  name: 'live/cam.1',
  whep: `/whep/live/cam.1?auth_key=${key}`,
  flv: `/live/cam.1.flv?auth_key=${key}&rts_degrade=on`,
};

test.each([
  ['live/cam.1', key, signed],
  [` /live/cam.1?auth_key=${key} `, '', signed],
  [`artc://localhost:8080/live/cam.1?auth_key=${key}`, '', signed],
  [`http://localhost:8080/whep/live/cam.1?auth_key=${key}`, '', signed],
  [`https://localhost:8080/live/cam.1.flv?x=1&auth_key=old`, key, signed],
  ['live/demo', '', { name: 'live/demo', whep: '/whep/live/demo', flv: '/live/demo.flv' }],
])('%s', (address, auth, want) => {
  expect(typed(address, auth, here)).toEqual(want);
});

test.each(['', 'demo', 'live/', 'a/b/c', 'live/.hidden', 'live/a b', 'live/%2e', '../x'])('refused: %s', (address) => {
  expect(() => typed(address, '', here)).toThrow(/such as live\/demo/);
});

test('another server is named', () => {
  expect(() => typed('artc://play.example.com/live/demo', '', here)).toThrow(/play\.example\.com/);
});
