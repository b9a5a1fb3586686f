// Which stream to play, and by which URLs.

/** GET /demo.json: what this server offers to try. */
export interface Offer {
  demo: boolean;
  app: string;
  stream: string;
  loop_ms: number;
  playAuthKey?: string;
  flvAuthKey?: string;
  whepURL: string;
  flvURL: string; // "" where the latency mode has no FLV
  artcURL?: string;
  hlsURL?: string; // without a format; missing where the latency mode has no HLS
  publishURL?: string;
  publish?: {
    app: string;
    stream: string;
    whip: string;
    artc: string;
    play?: { artc?: string; whep?: string; flv?: string; hls?: string };
  };
}

export interface Target {
  name: string; // app/stream
  whep: string;
  flv: string;
  hls: string;
}

export function offered(o: Offer): Target {
  return { name: `${o.app}/${o.stream}`, whep: o.whepURL, flv: o.flvURL, hls: o.hlsURL ?? '' };
}

const naming = /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,254}$/;

/** Reads "live/demo?…" or a URL; `elsewhere` says what to do about a host that is not this one. */
function read(address: string, here: string, elsewhere: (host: string) => string) {
  let text = address.trim();
  const scheme = /^([a-z]+):\/\//i.exec(text);
  if (scheme) {
    const host = text.slice(scheme[0].length).split(/[/?#]/, 1)[0] ?? '';
    // A server prints addresses for the machine that it runs on; its page may be open on another.
    if (bare(host) !== bare(here) && !isLocal(bare(host))) throw new Error(elsewhere(host));
    text = text.slice(scheme[0].length + host.length);
  }
  const [path = '', query = ''] = text.split('?', 2);
  const names = path.split('/').filter((p) => p !== '');
  if ((names[0] === 'whep' || names[0] === 'whip') && names.length === 3) names.shift();
  const app = names[0] ?? '';
  const stream = (names[1] ?? '').replace(/\.(flv|m3u8)$/, '');
  if (names.length !== 2 || !naming.test(app) || !naming.test(stream)) {
    throw new Error('Give the application and the stream, such as live/demo, or the whole address.');
  }
  return { name: `${app}/${stream}`, key: new URLSearchParams(query).get('auth_key') ?? '' };
}

const signed = (path: string, key: string, ...more: string[]) =>
  key ? `${path}?${[`auth_key=${encodeURIComponent(key)}`, ...more].join('&')}` : path;

/**
 * Reads what a person typed: "live/demo", or any URL of a stream with its
 * auth_key. `key` replaces the address's own. Throws an Error with a sentence
 * for that person.
 */
export function typed(address: string, key: string, here: string): Target {
  const { name, key: own } = read(
    address,
    here,
    (host) => `This page plays from its own server, ${here}. To play from ${host}, open that server's page.`,
  );
  const auth = key.trim() || own;
  // The key was made for the path without ".flv" or ".m3u8": rts_degrade says so.
  const degraded = (extension: string) => signed(`/${name}${extension}`, auth, 'rts_degrade=on');
  return { name, whep: signed(`/whep/${name}`, auth), flv: degraded('.flv'), hls: degraded('.m3u8') };
}

/** An HLS address that says in which form the stream is wanted. */
export const inForm = (hls: string, form: 'll' | 'ts') => `${hls}${hls.includes('?') ? '&' : '?'}format=${form}`;

/** Where to publish. */
export interface Ingest {
  name: string; // app/stream
  whip: string;
}

/**
 * Reads a publish address as a server prints it: artc://, http(s):// or rtmp://,
 * whose auth_keys are the same. Throws an Error with a sentence for a person.
 */
export function ingest(address: string, here: string): Ingest {
  const { name, key } = read(
    address,
    here,
    (host) => `This page publishes to its own server, ${here}. To publish to ${host}, open https://${host}/publish.`,
  );
  return { name, whip: signed(`/${name}`, key) };
}

const bare = (host: string) => host.replace(/:\d+$/, '').toLowerCase();
const isLocal = (host: string) => /^(.+\.)?localhost$|^[\d.]+$|^\[.*\]$/.test(host);

/** The addresses to watch a stream at, complete. */
export type Watch = readonly (readonly [name: string, url: string])[];

/** Addresses as they are shown: whole, the missing ones left out. */
export function watch(of: { artc?: string; whep?: string; flv?: string; hls?: string }): Watch {
  const names = [['ARTC', of.artc], ['WHEP', of.whep], ['HTTP-FLV', of.flv], ['HLS', of.hls]] as const;
  return names.flatMap(([name, url]) => (url ? [[name, new URL(url, location.href).href] as const] : []));
}

/** The ARTC address of what has a WHEP address. */
export const artcOf = (whep: string, here: string) => `artc://${here}${whep.replace(/^\/whep/, '')}`;
