// What a player of files and streams gets, kept as it came, and what is in it.

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { apart, ffmpeg } from './metronome.mjs';
import { binary } from './server.mjs';
import { Hopeless, until } from './until.mjs';

const run = promisify(execFile);
const much = { maxBuffer: 64 << 20, timeout: 60_000 };

/**
 * Plays a URL by ffmpeg and keeps so many seconds of it, unconverted. Resolves
 * with the file and the time, in ms, until ffmpeg had the first pictures.
 */
export async function record(bench, dir, name, url, seconds) {
  const file = join(dir, `${name}.nut`);
  const began = performance.now();
  const program = bench.run(`ffmpeg ${name}`, ffmpeg, [
    '-hide_banner', '-loglevel', 'warning', '-nostdin', '-progress', 'pipe:1', '-stats_period', '0.1',
    '-i', url, '-t', String(seconds), '-map', '0:v:0', '-map', '0:a:0', '-c', 'copy', '-f', 'nut', '-y', file,
  ]);
  await until(`pictures by ${name}`, () => {
    if (program.status !== undefined && program.status !== 0) throw new Hopeless(`ffmpeg has exited with ${program.status}: ${program.log.slice(-2000)}`);
    return /frame=\s*[1-9]/.test(program.log);
  }, { timeout: 45_000, every: 20 });
  const first = performance.now() - began;
  await until(`${seconds} s by ${name}`, () => program.status !== undefined, { timeout: 45_000 });
  if (program.status !== 0) throw new Error(`ffmpeg has exited with ${program.status}: ${program.log.slice(-2000)}`);
  return { file, first };
}

/** The same by `millrace play`, until so many seconds have passed. */
export async function recordNatively(bench, dir, name, url, seconds) {
  const file = join(dir, `${name}.ts`);
  const program = bench.run(`millrace ${name}`, binary, ['play', url, '-o', file, '--duration', `${seconds}s`, '--stats']);
  await until(`${seconds} s by ${name}`, () => program.status !== undefined, { timeout: 45_000 });
  const [, first] = /played .*first frame ([\d.]+) ms/.exec(program.log) ?? [];
  if (program.status !== 0 || !first) throw new Error(`millrace has exited with ${program.status}: ${program.log.slice(-2000)}`);
  return { file, first: Number(first) };
}

/**
 * Looks into a recording of a metronome. Of each kind, "video" and "audio":
 * codec, packets (dts in s), and units, the hashes of its access units: of
 * H264 the slices alone, of AAC the frames without headers, so that they are
 * the same in all containers. And apart, by how many ms sound is late.
 */
export async function examine(file) {
  const probe = JSON.parse((await run('ffprobe', ['-v', 'error', '-of', 'json', '-show_streams', '-show_packets', file], much)).stdout);
  const kinds = {};
  for (const { index, codec_type: kind, codec_name: codec } of probe.streams) {
    const packets = probe.packets.filter((p) => p.stream_index === index).map((p) => Number(p.dts_time));
    kinds[kind] = { codec, packets };
  }
  const [units, flashes, beeps] = ['units', 'flashes', 'beeps'].map((what) => `${file}.${what}`);
  const print = (filter, key, to) => `${filter}=print:key=lavfi.${key}:file=${to}`;
  await run(ffmpeg, [
    '-v', 'error', '-y', '-copyts', '-i', file, '-map', '0:v:0', '-map', '0:a:0',
    '-c', 'copy', '-bsf:v', 'h264_mp4toannexb,filter_units=pass_types=1|5', ...(kinds.audio?.codec === 'aac' ? ['-bsf:a', 'aac_adtstoasc'] : []),
    '-f', 'framehash', '-hash', 'md5', units,
    '-map', '0:v:0', '-map', '0:a:0', '-vf', `crop=iw/4:ih:iw*5/8:0,signalstats,${print('metadata', 'signalstats.YAVG', flashes)}`,
    '-af', `aresample=48000,asetnsamples=n=240,astats=metadata=1:reset=1,${print('ametadata', 'astats.Overall.RMS_level', beeps)}`,
    '-f', 'null', '-',
  ], much);
  const lines = (await readFile(units, 'utf8')).split('\n').filter((l) => /^\d/.test(l)).map((l) => l.split(',').map((x) => x.trim()));
  ['video', 'audio'].forEach((kind, i) => {
    if (kinds[kind]) kinds[kind].units = lines.filter(([of]) => Number(of) === i).map((l) => l[5]);
  });
  return { ...kinds, apart: apart(await rises(flashes, 128), await rises(beeps, -30)) };
}

/** The times, in ms, at which a value that a filter has printed rises above a limit. */
async function rises(file, limit) {
  const at = [];
  let above = true; // one that has begun before does not count
  for (const [, time, value] of (await readFile(file, 'utf8')).matchAll(/pts_time:(\S+)\n[^=\n]*=(\S+)/g)) {
    const now = Number(value) > limit;
    if (now && !above) at.push(Number(time) * 1000);
    above = now;
  }
  return at;
}
