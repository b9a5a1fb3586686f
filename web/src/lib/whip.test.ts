import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Quality } from './encoding';
import { blocked, Failure, type Problem } from './problem';
import { lostServer } from './publishing';
import { startWHIP, type Publication } from './whip';

/** A connection whose state the test sets. */
class Connection {
  static last: Connection;
  connectionState: RTCPeerConnectionState = 'new';
  signalingState = 'stable';
  localDescription = { sdp: 'v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\n' };
  onconnectionstatechange: (() => void) | null = null;
  closed = false;
  constructor() {
    Connection.last = this;
  }
  getSenders = () => [];
  createOffer = () => Promise.resolve({});
  setLocalDescription = () => Promise.resolve();
  setRemoteDescription = () => Promise.resolve();
  close = () => void (this.closed = true);
  become(state: RTCPeerConnectionState) {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
}

const quality: Quality = { height: 360, fps: 30, kbps: 800, prefer: 'balanced', stereo: false };
const created = () => new Response('v=0\r\n', { status: 201, headers: { Location: '/whip/live/mine/id' } });
let asked: string[];
let answers: Record<string, () => Response>;
let problems: Problem[];
let states: boolean[];

beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  problems = [];
  states = [];
  answers = { POST: created, PATCH: () => new Response('a=ice-ufrag:n\r\na=ice-pwd:n\r\n'), DELETE: () => new Response() };
  vi.stubGlobal('RTCPeerConnection', Connection);
  vi.stubGlobal('document', { baseURI: 'http://localhost/publish' });
  vi.stubGlobal('navigator', {});
  vi.stubGlobal('addEventListener', () => undefined);
  vi.stubGlobal('removeEventListener', () => undefined);
  vi.stubGlobal('fetch', (_: string, { method = 'GET' }: RequestInit) => {
    asked.push(method);
    return Promise.resolve(answers[method]?.());
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const start = (): Promise<Publication> =>
  startWHIP({
    url: '/live/mine', media: { getTracks: () => [] } as unknown as MediaStream, quality, signal: new AbortController().signal,
    connected: (yes) => states.push(yes), failed: (p) => problems.push(p),
  });

test('a connection that is there stays, however long it took', async () => {
  await start();
  Connection.last.become('connecting');
  await vi.advanceTimersByTimeAsync(3000);
  Connection.last.become('connected');
  await vi.advanceTimersByTimeAsync(60_000);
  expect([asked, problems, states]).toEqual([['POST'], [], [true]]);
});

test('media that does not get through is told, and the session ended', async () => {
  await start();
  Connection.last.become('connecting');
  await vi.advanceTimersByTimeAsync(10_000);
  expect(problems).toEqual([blocked]);
  expect(asked).toEqual(['POST', 'DELETE']);
  expect(Connection.last.closed).toBe(true);
});

test('a connection that is lost is looked for by an ICE restart', async () => {
  await start();
  Connection.last.become('connected');
  Connection.last.become('disconnected');
  await vi.advanceTimersByTimeAsync(1500);
  expect(asked).toEqual(['POST', 'PATCH']);
  Connection.last.become('connected');
  await vi.advanceTimersByTimeAsync(60_000);
  expect([problems, states]).toEqual([[], [true, false, true]]);
});

test('one that comes back by itself is left alone', async () => {
  await start();
  Connection.last.become('connected');
  Connection.last.become('disconnected');
  await vi.advanceTimersByTimeAsync(1000);
  Connection.last.become('connected');
  await vi.advanceTimersByTimeAsync(60_000);
  expect([asked, problems]).toEqual([['POST'], []]);
});

test.each([
  ['refused', () => new Response('', { status: 404 })],
  ['not answered by a connection', () => new Response('a=ice-ufrag:n\r\na=ice-pwd:n\r\n')],
])('a restart that is %s ends it', async (_, answer) => {
  answers.PATCH = answer;
  await start();
  Connection.last.become('connected');
  Connection.last.become('failed');
  await vi.advanceTimersByTimeAsync(10_000);
  expect(problems).toEqual([lostServer]);
  expect(asked).toEqual(['POST', 'PATCH', 'DELETE']);
});

test('a refusal is a problem in words, and leaves nothing open', async () => {
  answers.POST = () => Response.json({ code: 'taken', detail: 'the stream has a publisher already' }, { status: 409 });
  await expect(start()).rejects.toThrow(Failure);
  await vi.advanceTimersByTimeAsync(0);
  expect(Connection.last.closed).toBe(true);
});

test('stop says goodbye once', async () => {
  const p = await start();
  Connection.last.become('connected');
  p.stop();
  p.stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect([asked, problems]).toEqual([['POST', 'DELETE'], []]);
});
