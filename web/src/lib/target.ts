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
  flvURL: string;
  artcURL?: string;
  hlsURL?: string;
  publishURL?: string;
}

export interface Target {
  name: string; // app/stream
  whep: string;
  flv: string;
}

export function offered(o: Offer): Target {
  return { name: `${o.app}/${o.stream}`, whep: o.whepURL, flv: o.flvURL };
}

const naming = /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,254}$/;

/**
 * Reads what a person typed: "live/demo", or any URL of a stream with its
 * auth_key. `key` replaces the address's own. Throws an Error with a sentence
 * for that person.
 */
export function typed(address: string, key: string, here: string): Target {
  let text = address.trim();
  const scheme = /^([a-z]+):\/\//i.exec(text);
  if (scheme) {
    const host = text.slice(scheme[0].length).split(/[/?#]/, 1)[0] ?? '';
    if (host !== here) {
      throw new Error(`This page plays from its own server, ${here}. To play from ${host}, open that server's page.`);
    }
    text = text.slice(scheme[0].length + host.length);
  }
  const [path = '', query = ''] = text.split('?', 2);
  const names = path.split('/').filter((p) => p !== '');
  if (names[0] === 'whep' && names.length === 3) names.shift();
  const app = names[0] ?? '';
  const stream = (names[1] ?? '').replace(/\.(flv|m3u8)$/, '');
  if (names.length !== 2 || !naming.test(app) || !naming.test(stream)) {
    throw new Error('Give the application and the stream, such as live/demo, or the whole address.');
  }
  const auth = key.trim() || new URLSearchParams(query).get('auth_key') || '';
  const name = `${app}/${stream}`;
  if (!auth) return { name, whep: `/whep/${name}`, flv: `/${name}.flv` };
  const signed = `auth_key=${encodeURIComponent(auth)}`;
  // The key was made for the path without ".flv": rts_degrade says so.
  return { name, whep: `/whep/${name}?${signed}`, flv: `/${name}.flv?${signed}&rts_degrade=on` };
}
