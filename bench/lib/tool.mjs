// `millrace bench`, which gives its server one processor, gets the other one.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { binary, Lab, says, scratch } from './lab.mjs';

let runs = 0;

/** Runs `millrace bench` with args and returns what it prints, and its JSON as report. */
export async function tool(...args) {
  const lab = new Lab();
  try {
    const file = join(scratch, `bench-${++runs}.json`);
    const bench = [binary, 'bench', ...args, '--json', file];
    const [command, ...rest] = (await pinned()) ? ['taskset', '-c', '1', ...bench] : bench;
    const { out, err } = await lab.run(command, rest);
    return { out, err, report: JSON.parse(await readFile(file, 'utf8')) };
  } finally {
    await lab.close();
  }
}

export const pinned = async () => (await says('taskset', '-c', '1', 'true')) !== undefined;

/** A figure of several numbers that each have a limit. */
export function within(values, limits, unit, digits = 1) {
  return { measured: `${values.map((v) => v.toFixed(digits)).join(' / ')} ${unit}`, holds: values.every((v, i) => v <= limits[i]) };
}

export const three = (q) => [q.p50, q.p95, q.p99];
export const two = (q) => [q.p50, q.p95];

/** The lines of a table that a program printed. */
export const tableOf = (out) => out.split('\n').filter((l) => l.startsWith('|')).join('\n');
export const listOf = (err) => err.trim().split('\n').map((l) => `* ${l}`).join('\n');
