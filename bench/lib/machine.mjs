// What the figures were measured on.

import { readFile } from 'node:fs/promises';
import { cpus, loadavg, release, totalmem } from 'node:os';

import { says } from './lab.mjs';

export const load = () => loadavg().map((x) => x.toFixed(2)).join(', ');

/** True when others were at work: more than half a processor. */
export const busy = () => loadavg()[0] > 0.5;

/** Rows of name and value. */
export async function machine() {
  const system = /^PRETTY_NAME="?([^"\n]*)/m.exec(await readFile('/etc/os-release', 'utf8').catch(() => ''))?.[1];
  const first = (text, pattern) => pattern.exec(text ?? '')?.[1] ?? 'not found';
  return [
    ['CPU', `${cpus()[0]?.model.trim() ?? 'unknown'}, ${cpus().length} cores`],
    ['memory', `${(totalmem() / 2 ** 30).toFixed(1)} GiB`],
    ['system', `${system ?? 'Linux'}, kernel ${release()}`],
    ['Go', first(await says('go', 'version'), /go version go(\S+)/)],
    ['Chromium', first(await says(process.env.CHROMIUM ?? '/usr/bin/chromium', '--version'), /(\d+\.[\d.]+)/)],
    ['ffmpeg', first(await says(process.env.FFMPEG ?? 'ffmpeg', '-version'), /ffmpeg version (\S+)/)],
    ['Node.js', process.versions.node],
  ];
}
