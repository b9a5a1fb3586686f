import { expect, test } from 'vitest';
import { artcOf, inForm, ingest, typed } from './target';

const here = 'localhost:8080';
const key = '1763640000-0-0-abc';
const signed = {
  name: 'live/cam.1',
  whep: `/whep/live/cam.1?auth_key=${key}`,
  flv: `/live/cam.1.flv?auth_key=${key}&rts_degrade=on`,
  hls: `/live/cam.1.m3u8?auth_key=${key}&rts_degrade=on`,
};

test.each([
  ['live/cam.1', key, signed],
  [` /live/cam.1?auth_key=${key} `, '', signed],
  [`artc://localhost:8080/live/cam.1?auth_key=${key}`, '', signed],
  [`http://localhost:8080/whep/live/cam.1?auth_key=${key}`, '', signed],
  [`https://localhost:8080/live/cam.1.flv?x=1&auth_key=old`, key, signed],
  ['live/demo', '', { name: 'live/demo', whep: '/whep/live/demo', flv: '/live/demo.flv', hls: '/live/demo.m3u8' }],
])('%s', (address, auth, want) => {
  expect(typed(address, auth, here)).toEqual(want);
});

test.each(['', 'demo', 'live/', 'a/b/c', 'live/.hidden', 'live/a b', 'live/%2e', '../x'])('refused: %s', (address) => {
  expect(() => typed(address, '', here)).toThrow(/such as live\/demo/);
});

test('the form of HLS', () => {
  expect([inForm('/a.m3u8', 'll'), inForm('/a.m3u8?auth_key=x', 'ts')]).toEqual(['/a.m3u8?format=ll', '/a.m3u8?auth_key=x&format=ts']);
});

test('another server is named', () => {
  expect(() => typed('artc://play.example.com/live/demo', '', here)).toThrow(/play\.example\.com/);
});

test.each([
  [`artc://localhost:8080/live/mine?auth_key=${key}`, `/live/mine?auth_key=${key}`],
  [` https://localhost:8080/whip/live/mine?auth_key=${key} `, `/live/mine?auth_key=${key}`],
  [`rtmp://localhost/live/mine?auth_key=${key}`, `/live/mine?auth_key=${key}`],
  [`artc://push.localhost:8080/live/mine`, `/live/mine`],
  [`artc://[::1]:8080/live/mine`, `/live/mine`],
  ['live/mine', '/live/mine'],
])('a publish address: %s', (address, whip) => {
  for (const here of ['localhost:8080', '192.168.1.7:8443']) {
    expect(ingest(address, here)).toEqual({ name: 'live/mine', whip });
  }
});

test('another server than this is not published to', () => {
  expect(() => ingest('artc://push.example.com/live/mine', 'localhost:8080')).toThrow('https://push.example.com/publish');
  expect(ingest('artc://push.example.com/live/mine', 'push.example.com:8443').whip).toBe('/live/mine');
  expect(() => ingest('mine', 'localhost')).toThrow(/such as live/);
});

test('an ARTC address is the WHEP one by another way', () => {
  expect(artcOf(`/whep/live/mine?auth_key=${key}`, here)).toBe(`artc://${here}/live/mine?auth_key=${key}`);
});
