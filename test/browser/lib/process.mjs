// Programs that a test starts. They are stopped by their process id, at the end
// of their test, or with this process at the latest.

import { spawn } from 'node:child_process';

import { Hopeless, until } from './until.mjs';

const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

const mostLog = 256 * 1024;

export class Program {
  /** Everything that the program has written to both outputs, the newest part. */
  log = '';
  #child;

  constructor(name, command, args, env = {}) {
    this.name = name;
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    this.#child = child;
    running.add(child);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        this.log = (this.log + text).slice(-mostLog);
      });
    }
    /** Resolves with the exit status, or the signal's name. Never rejects. */
    this.exited = new Promise((resolve) => {
      child.on('error', (error) => {
        this.log += `${error}\n`;
        running.delete(child);
        resolve(String(error));
      });
      child.on('close', (code, signal) => {
        running.delete(child);
        resolve(code ?? signal);
      });
    });
    this.exited.then((status) => (this.status = status));
  }

  get pid() {
    return this.#child.pid;
  }

  /** Waits for text in the log and returns the match. */
  async says(pattern, timeout = 30_000) {
    return until(`${this.name} says ${pattern}`, () => {
      const match = pattern.exec(this.log);
      if (!match && this.status !== undefined) {
        throw new Hopeless(`it has exited with ${this.status}: ${this.log.slice(-2000)}`);
      }
      return match;
    }, { timeout });
  }

  signal(name) {
    this.#child.kill(name);
  }

  /** Asks the program to stop, and no longer asks after `patience` ms. */
  async stop(patience = 10_000) {
    if (this.status !== undefined) return this.status;
    this.signal('SIGTERM');
    const hurry = setTimeout(() => this.signal('SIGKILL'), patience);
    const status = await this.exited;
    clearTimeout(hurry);
    return status;
  }
}
