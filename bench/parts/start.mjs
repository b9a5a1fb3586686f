// The binary, how soon it answers, and how soon `make run` shows a picture to
// somebody who has just cloned the project.

import { mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { Browser } from '../../test/browser/lib/browser.mjs';
import { binary, freePorts, Lab, root, says, scratch } from '../lib/lab.mjs';
import { median, ms, quantile, seconds, table } from '../lib/numbers.mjs';

const starts = 10;

export const binaryPart = {
  name: 'binary',
  limit: 30,
  figures: [
    { id: 'file', what: 'binary', must: 'one static file' },
    { id: 'start', what: 'from exec to the first answer of `/healthz`, empty data directory', must: '≤ 1 s' },
  ],

  async measure() {
    const linked = await linkage();
    const isStatic = /not a dynamic executable|statically linked/.test(linked);
    const kind = await says('file', '-b', binary);
    const size = (await stat(binary)).size;
    const times = [];
    for (let i = 0; i < starts; i++) {
      const data = await mkdtemp(join(scratch, 'data-'));
      times.push(await startOn(data).finally(() => rm(data, { recursive: true, force: true })));
    }
    return {
      file: { measured: `${isStatic ? 'one static file' : 'dynamically linked'}, ${(size / 2 ** 20).toFixed(1)} MiB`, holds: isStatic },
      start: { measured: `${ms(median(times))}, slowest of ${starts}: ${ms(quantile(times, 1))}`, holds: quantile(times, 1) <= 1000 },
      details: `### Binary

* \`ldd\` says: ${linked.trim().replaceAll(binary, 'millrace').split('\n')[0].trim()}.
${kind ? `* \`file\` says: ${kind.replace(/, (Go BuildID|BuildID\[)[^,]*/g, '')}.\n` : ''}* Each start was with an empty data directory, so that keys and token are made; asked every few ms.
`,
    };
  },
};

/** What ldd says, which fails for a static binary. */
async function linkage() {
  const lab = new Lab();
  try {
    const ldd = lab.start('ldd', [binary], { env: { LC_ALL: 'C' } });
    await ldd.ended;
    return `${ldd.out}${ldd.err}`;
  } finally {
    await lab.close();
  }
}

/** How many milliseconds a server on a data directory takes until it answers. */
export async function startOn(data) {
  const lab = new Lab();
  try {
    const [http, rtmp, rtc, admin] = (await freePorts(4)).map((p) => `127.0.0.1:${p}`);
    const began = performance.now();
    const server = lab.start(binary, ['serve', '--data-dir', data, '--log-level', 'warn', '--http-addr', http, '--rtmp-addr', rtmp, '--srt-addr', 'off', '--rtc-addr', rtc, '--admin-addr', admin]);
    for (;;) {
      const ok = await fetch(`http://${admin}/healthz`).then((r) => r.ok, () => false);
      if (ok) return performance.now() - began;
      if (server.status !== undefined) throw new Error(`the server has ended with ${server.status}: ${server.err}`);
      await pause(2);
    }
  } finally {
    await lab.close();
  }
}

export const clonePart = {
  name: 'clone',
  limit: 150,
  figures: [
    { id: 'cold', what: '`make run` on a fresh clone, to the first picture in a browser; warm module cache, empty build cache', must: '≤ 60 s' },
    { id: 'warm', what: 'the same, warm build cache', must: '≤ 60 s' },
  ],

  async measure() {
    const cache = join(scratch, 'go-build');
    const rows = [['empty', await makeRun(cache)], ['warm', await makeRun(cache)]];
    const figure = ({ picture }) => ({ measured: seconds(picture), holds: picture <= 60_000 });
    return {
      cold: figure(rows[0][1]), warm: figure(rows[1][1]),
      details: `### \`make run\` on a fresh clone

The time runs from \`make run\` in a new \`git clone\` to the first picture in a browser that is open already and goes to the printed
address when it is printed. Ports were chosen by the system, all else is what \`make run\` does.

${table(['build cache', 'until it runs', 'until the first picture'], rows.map(([name, t]) => [name, seconds(t.running), seconds(t.picture)]))}
`,
    };
  },
};

async function makeRun(cache) {
  const lab = new Lab();
  const dir = await mkdtemp(join(scratch, 'clone-'));
  try {
    await lab.run('git', ['clone', '--quiet', root, dir]);
    const browser = lab.keep(await Browser.start());
    const ports = ['http', 'rtmp', 'rtc', 'admin'].map((name) => `--${name}-addr=127.0.0.1:0`);
    const began = Date.now();
    const make = lab.start('make', ['run', `ARGS=--demo ${ports.join(' ')}`], {
      cwd: dir, env: { GOCACHE: cache, MAKEFLAGS: undefined, MAKELEVEL: undefined, MAKEOVERRIDES: undefined, MFLAGS: undefined },
    });
    let address;
    while (!(address = /Ctrl-C/.test(make.out) && /http:\/\/localhost:\d+\//.exec(make.out)?.[0])) {
      if (make.status !== undefined) throw new Error(`make run has ended with ${make.status}: ${make.err.trim().slice(-500)}`);
      await pause(10);
    }
    const running = Date.now() - began;
    const page = await browser.open(address);
    await page.waitForFunction(() => [...document.querySelectorAll('video')].some((v) => v.getVideoPlaybackQuality().totalVideoFrames > 0));
    return { running, picture: Date.now() - began };
  } finally {
    await lab.close();
    await rm(dir, { recursive: true, force: true });
  }
}
