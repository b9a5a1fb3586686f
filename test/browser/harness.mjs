// What browser tests stand on. A test is a trial: it gets a bench, puts on it
// what it needs, and looks at what happens.
//
//   trial('ffmpeg to the vendor SDK', async (bench) => {
//     const server = await bench.server();
//     const links = await server.links('live/demo');
//     await bench.publish(links.publish.rtmp);
//     const site = await bench.site({ load: ['/aliyun-rts-sdk.js'] });
//     const page = await bench.open(site.page);
//     ...
//     await playing(page);
//   });
//
// Whatever is on the bench is stopped when the trial ends, the newest first.
// Trials of one file share a browser, but no tab. When one fails, all logs are
// printed and screenshots go to test-results/.
// `make build` comes before; MILLRACE, FFMPEG and CHROMIUM name other binaries.

import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { after, test } from 'node:test';

import { Browser } from './lib/browser.mjs';
import { Program } from './lib/process.mjs';
import { Publisher } from './lib/publisher.mjs';
import { Relay } from './lib/relay.mjs';
import { Server } from './lib/server.mjs';
import { Site } from './lib/site.mjs';

export { until } from './lib/until.mjs';
export { changes, longestFreeze, loudness, picture, playing, state } from './lib/video.mjs';
export { hangUp, stats, whep, whip } from './lib/webrtc.mjs';

const results = fileURLToPath(new URL('../../test-results/', import.meta.url));

// One browser for all trials of a file; each closes its own tabs.
let browser;
after(async () => (await browser)?.stop());

/** Declares a test whose body gets a Bench. */
export function trial(name, body, { timeout = 180_000 } = {}) {
  test(name, { timeout }, async (t) => {
    const bench = new Bench(name);
    t.signal.addEventListener('abort', () => bench.report().then(() => bench.close()));
    try {
      await body(bench);
    } catch (error) {
      await bench.report();
      throw error;
    } finally {
      await bench.close();
    }
  });
}

class Bench {
  #name;
  #parts = [];
  #tabs;
  #reported = false;

  constructor(name) {
    this.#name = name;
  }

  /** A running Server; options as in lib/server.mjs. */
  async server(options) {
    return this.#put('server', await Server.start(options));
  }

  /** ffmpeg, publishing; options as in lib/publisher.mjs. */
  async publish(url, options) {
    return this.#put('ffmpeg', await Publisher.start(url, options));
  }

  /** A site on another port; options as in lib/site.mjs. */
  async site(options) {
    return this.#put('site', await Site.start(options));
  }

  /** A UDP relay that loses packets; options as in lib/relay.mjs. */
  async relay(options) {
    return this.#put('relay', new Relay(options));
  }

  /** Any other program. It is stopped at the end. */
  run(name, command, args) {
    return this.#put(name, new Program(name, command, args));
  }

  /** A browser of its own, with open(); options as in lib/browser.mjs. */
  async browser(options) {
    return this.#put('browser', await Browser.start(options));
  }

  /** A tab of the browser that the trials share. */
  async open(address) {
    browser ??= Browser.start();
    this.#tabs ??= this.#put('browser', (await browser).tabs());
    return this.#tabs.open(address);
  }

  #put(kind, part) {
    this.#parts.push({ kind, part });
    return part;
  }

  /** Prints all logs, once. */
  async report() {
    if (this.#reported) return;
    this.#reported = true;
    for (const { kind, part } of this.#parts) {
      console.error(`--- ${kind} of "${this.#name}"\n${part.log.slice(-16_000)}`);
    }
    await mkdir(results, { recursive: true });
    const browsers = this.#parts.filter(({ kind }) => kind === 'browser');
    const name = results + this.#name.replace(/[^a-z0-9]+/gi, '-');
    await Promise.all(browsers.map(({ part }, i) => part.screenshots(i === 0 ? name : `${name}-${i + 1}`)));
  }

  async close() {
    for (let last; (last = this.#parts.pop()); ) {
      await last.part.stop().catch((error) => console.error(`stop ${last.kind}: ${error}`));
    }
  }
}
