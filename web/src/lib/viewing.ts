// What the server knows of a viewer, and what that means in plain words.

import { words } from './delay';

/** As GET /api/viewers writes it. */
export interface Viewer {
  id: string;
  stream: string;
  peer: string;
  state: string;
  seconds: number;
  rtt_ms: number;
  loss: number;
  lost: number;
  estimate_bps: number;
  measured: boolean;
  network_queue_ms: number;
  queue_age_ms: number;
  capture_to_send_ms: number;
  packets: number;
  bytes: number;
  nacked: number;
  resent: number;
  pli: number;
  drops: Record<string, number>;
}

/** What happened between two looks. */
export interface Change {
  kbps: number;
  resent: number; // share of the packets sent
  dropped: Record<string, number>; // packets per second, where there were any
}

/** Compares two looks that lie `seconds` apart; undefined where they tell nothing. */
export function change(before: Viewer | undefined, now: Viewer, seconds: number): Change | undefined {
  if (!before || seconds <= 0 || now.packets < before.packets) return undefined;
  const dropped: Record<string, number> = {};
  for (const [why, n] of Object.entries(now.drops)) {
    const more = n - (before.drops[why] ?? 0);
    if (more > 0) dropped[why] = more / seconds;
  }
  const packets = now.packets - before.packets;
  return {
    kbps: ((now.bytes - before.bytes) * 8) / 1000 / seconds,
    resent: packets > 0 ? (now.resent - before.resent) / packets : 0,
    dropped,
  };
}

export interface Verdict {
  level: 'good' | 'fair' | 'bad';
  says: string;
}

const percent = (share: number) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
export const rate = (bps: number) => (bps < 1e6 ? `${Math.round(bps / 1000)} kbit/s` : `${(bps / 1e6).toFixed(1)} Mbit/s`);

/** Why a viewer stutters, if it does. */
export function verdict(v: Viewer, c: Change | undefined): Verdict {
  const dropped = c?.dropped ?? {};
  const bad = (says: string): Verdict => ({ level: 'bad', says });
  const fair = (says: string): Verdict => ({ level: 'fair', says });
  if (v.state === 'connecting') {
    return v.seconds > 5
      ? bad('Has not connected. Its network may block the media port, over UDP and TCP.')
      : { level: 'good', says: 'Is connecting.' };
  }
  if (dropped['congested']) return bad(`Its network takes ${about(v)} less than the stream: pictures are left out up to key frames.`);
  if (dropped['queue_full']) return bad('Its TCP connection takes less than the stream: pictures are left out.');
  if (dropped['skip_age']) return bad('Packets came to their turn too late: this server is overloaded, or the viewer too slow.');
  if (dropped['codec']) return bad('The stream has changed to a codec that it did not offer. It has to play anew.');
  if (dropped['send_failed']) return bad('The kernel refuses packets to it: its address cannot be reached any more.');
  if (v.state === 'waiting') return fair('Waits for the next key frame.');
  if (dropped['thinned']) return fair(`Its network takes ${about(v)} less than the stream: pictures that no other needs are left out.`);
  if (v.loss > 0.1) return bad(`Its network loses ${percent(v.loss)} of all packets.`);
  if (v.capture_to_send_ms > 1000) return fair(`The stream is ${words(v.capture_to_send_ms)} old when it leaves here: look at its publisher.`);
  if (v.network_queue_ms > 150) return fair(`Packets wait ${words(v.network_queue_ms)} in a queue of its network.`);
  if (v.loss > 0.02) return fair(`Its network loses ${percent(v.loss)}; repeats mend it.`);
  if (v.rtt_ms > 250) return fair(`Far away: repeats take ${words(v.rtt_ms)}.`);
  return { level: 'good', says: 'Nothing is wrong here. If it stutters, look at its device.' };
}

const about = (v: Viewer) => (v.estimate_bps > 0 ? `about ${rate(v.estimate_bps)},` : '');
