// The place where things are measured: programs that are stopped and files that
// are gone at the end, however it comes.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));
export const binary = process.env.MILLRACE ?? join(root, 'bin/millrace');

/** Everything that is written lies below this directory: TMPDIR of all programs. */
export const scratch = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
process.env.TMPDIR = scratch;
process.env.MILLRACE = binary;

const running = new Set();
process.on('exit', () => {
  for (const program of running) program.signal('SIGKILL');
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));

const mostLog = 1024 * 1024;

/** A program in a process group of its own, with all that it starts. */
export class Program {
  out = '';
  err = '';

  /** Options: cwd; env, added to ours, undefined removes; input: it gets a pipe. */
  constructor(command, args, { cwd = root, env = {}, input = false } = {}) {
    this.name = command;
    this.child = spawn(command, args, {
      cwd, env: { ...process.env, ...env }, detached: true, stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    });
    running.add(this);
    this.child.stdout.setEncoding('utf8').on('data', (text) => (this.out = (this.out + text).slice(-mostLog)));
    this.child.stderr.setEncoding('utf8').on('data', (text) => (this.err = (this.err + text).slice(-mostLog)));
    /** Resolves with the exit status, the signal's name, or why it did not start. */
    this.ended = new Promise((resolve) => {
      this.child.on('error', (error) => resolve(error.message));
      this.child.on('close', (code, signal) => resolve(code ?? signal));
    }).then((status) => {
      running.delete(this);
      return (this.status = status);
    });
  }

  /** Signals the group: what the program started goes with it. */
  signal(name) {
    if (this.child.pid === undefined || this.status !== undefined) return;
    try {
      process.kill(-this.child.pid, name);
    } catch { /* it has just ended */ }
  }

  async stop() {
    this.signal('SIGTERM');
    const hurry = setTimeout(() => this.signal('SIGKILL'), 5000);
    await this.ended;
    clearTimeout(hurry);
  }
}

const open = new Set();

/** Closes all labs: whoever still measures in one of them fails. */
export async function closeAll() {
  await Promise.all([...open].map((lab) => lab.close()));
}

/** What one part of the measurements uses; close() stops it, the newest first. */
export class Lab {
  #parts = [];

  constructor() {
    open.add(this);
  }

  /** Keeps anything with a stop() until close(); afterwards stops it and throws. */
  keep(part) {
    this.#parts.push(part);
    if (open.has(this)) return part;
    void this.close();
    throw new Error('the time for it is over');
  }

  /** Starts a program; options as those of Program. */
  start(command, args, options) {
    return this.keep(new Program(command, args, options));
  }

  /** Runs a program to its end and returns it; rejects when it fails. */
  async run(command, args, options) {
    const program = this.start(command, args, options);
    if ((await program.ended) !== 0) {
      throw new Error(`${command} ${args[0] ?? ''} ended with ${program.status}: ${(program.err || program.out).trim().slice(-500)}`);
    }
    return program;
  }

  async close() {
    open.delete(this);
    for (let part; (part = this.#parts.pop()); ) {
      await part.stop().catch((error) => console.error(`bench: stop: ${error}`));
    }
  }
}

/** What a program prints, or undefined where it is missing. */
export async function says(command, ...args) {
  const program = new Program(command, args);
  return (await program.ended) === 0 ? program.out.trim() : undefined;
}

/** Ports of 127.0.0.1 that are free now. */
export async function freePorts(n) {
  const servers = await Promise.all(Array.from({ length: n }, () => new Promise((resolve, reject) => {
    const server = createServer().once('error', reject).listen(0, '127.0.0.1', () => resolve(server));
  })));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
