// A Millrace of one's own, on ports that the system chooses.

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { Program } from './process.mjs';

const run = promisify(execFile);
export const binary = process.env.MILLRACE ?? fileURLToPath(new URL('../../../bin/millrace', import.meta.url));

export class Server {
  /**
   * Starts a server and waits until it listens.
   *   demo   publish the demo stream
   *   auth   URL signing on (the default)
   *   tls    HTTPS too
   *   rtmps  RTMP over TLS too
   *   args   more flags
   *   again  a stopped Server, whose data directory and ports to use
   */
  static async start({ demo = false, auth = true, tls = false, rtmps = false, args = [], again } = {}) {
    const server = new Server();
    server.#keep = again?.takeData() ?? (await mkdtemp(join(tmpdir(), 'millrace-test-')));
    const at = (name) => `--${name}-addr=127.0.0.1:${again?.ports[name] ?? 0}`;
    const flags = ['http', 'rtmp', 'srt', 'rtc', 'admin', ...(tls ? ['https'] : []), ...(rtmps ? ['rtmps'] : [])].map(at);
    if (demo) flags.push('--demo');
    if (!auth) flags.push('--no-auth');
    server.program = new Program('millrace', binary, [
      'serve', '--data-dir', server.#keep, '--rtc-ip', '127.0.0.1', '--log-level', 'debug', ...flags, ...args,
    ], { NO_COLOR: '1' });
    try {
      await server.program.says(/Ctrl-C/);
    } catch (error) {
      await server.stop();
      throw error;
    }
    const port = (pattern, otherwise) => Number(pattern.exec(server.program.log)?.[1] ?? otherwise);
    server.ports = {
      http: port(/http:\/\/localhost:(\d+)\/\s/, 80),
      https: port(/https:\/\/localhost:(\d+)\/\s/, 0),
      rtmp: port(/rtmp:\/\/localhost:(\d+)\//, 1935),
      rtmps: port(/rtmps:\/\/localhost:(\d+)\//, 0),
      srt: port(/srt:\/\/localhost:(\d+)\s/, 0),
      admin: port(/Admin +http:\/\/[^/]*:(\d+)\//, 80),
    };
    return server;
  }

  #keep;

  get page() {
    return `http://localhost:${this.ports.http}/`;
  }

  get securePage() {
    return `https://localhost:${this.ports.https}/`;
  }

  /** The signed URLs of a stream, as `millrace sign --json` prints them. */
  async links(stream, ...flags) {
    const { rtmps, srt } = this.ports;
    const { stdout } = await run(binary, [
      'sign', stream, '--json', '--data-dir', this.#keep,
      '--http-addr', `:${this.ports.http}`, '--rtmp-addr', `:${this.ports.rtmp}`,
      ...(rtmps ? ['--rtmps-addr', `:${rtmps}`] : []), ...(srt ? ['--srt-addr', `:${srt}`] : []), ...flags,
    ]);
    return JSON.parse(stdout);
  }

  /** All metrics at one moment: a function from a name, and a part of the labels, to the sum of the values. */
  async metrics() {
    const token = (await readFile(join(this.#keep, 'admin-token'), 'utf8')).trim();
    const answer = await fetch(`http://127.0.0.1:${this.ports.admin}/metrics`, { headers: { Authorization: `Bearer ${token}` } });
    if (!answer.ok) throw new Error(`metrics: ${answer.status}`);
    const lines = (await answer.text()).split('\n');
    return (name, labels = '') => {
      let sum = 0;
      for (const line of lines) {
        const [, found, of = '', value] = /^([a-z_]+)(\{.*\})? (\S+)$/.exec(line) ?? [];
        if (found === name && of.includes(labels)) sum += Number(value);
      }
      return sum;
    };
  }

  /** One metric's value, all its labels' added up; 0 when it is not there. */
  async metric(name, labels = '') {
    return (await this.metrics())(name, labels);
  }

  /** Hands the data directory on to a server that starts again with it. */
  takeData() {
    const data = this.#keep;
    this.#keep = undefined;
    return data;
  }

  get log() {
    return this.program.log;
  }

  async stop() {
    await this.program.stop();
    if (this.#keep) await rm(this.#keep, { recursive: true, force: true });
  }
}
