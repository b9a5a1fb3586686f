// Chromium with a fresh profile, fake camera and microphone, and nothing of the
// outside world: the vendor's telemetry goes to a closed port.

import { mkdtemp, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { chromium } from 'playwright-core';

const fakeUser = '--use-fake-ui-for-media-stream'; // says yes to every question

const flags = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required',
  fakeUser, '--use-fake-device-for-media-stream',
  '--disable-background-timer-throttling', '--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows',
  '--disable-features=WebRtcHideLocalIpsWithMdns', '--ignore-certificate-errors',
  '--host-resolver-rules=MAP *.aliyuncs.com 127.0.0.1:9, MAP *.alicdn.com 127.0.0.1:9, MAP *.test 127.0.0.1',
];

/** Tabs of a browser that belong together, and what they said. */
export class Tabs {
  log = '';
  #context;
  #pages = [];

  constructor(context) {
    this.#context = context;
  }

  /** Opens an address in a tab of its own. */
  async open(address) {
    const page = await this.#context.newPage();
    this.#pages.push(page);
    const note = (text) => (this.log = `${this.log}${text}\n`.slice(-64 * 1024));
    page.on('console', (m) => note(`${m.type()}: ${m.text()}`));
    page.on('pageerror', (e) => note(`uncaught: ${e.message}`));
    page.on('requestfailed', (r) => note(`failed: ${r.method()} ${r.url()} ${r.failure()?.errorText}`));
    await page.goto(address);
    return page;
  }

  /** Saves what each tab shows, for looking at after a failure. */
  async screenshots(path) {
    const open = this.#pages.filter((p) => !p.isClosed());
    return Promise.all(open.map((p, i) => p.screenshot({ path: `${path}-${i + 1}.png`, timeout: 5000 }).catch(() => {})));
  }

  /** Closes them. */
  async stop() {
    await Promise.all(this.#pages.map((p) => p.close().catch(() => {})));
  }
}

export class Browser {
  #tabs;

  /**
   *   asks   whether the user is asked for camera and microphone, and refuses;
   *          by default they are given
   */
  static async start({ asks = false } = {}) {
    const browser = new Browser();
    browser.profile = await mkdtemp(join(tmpdir(), 'millrace-chromium-'));
    browser.context = await chromium.launchPersistentContext(browser.profile, {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: asks ? [...flags.filter((f) => f !== fakeUser), '--deny-permission-prompts'] : flags,
      headless: true, ignoreHTTPSErrors: true, viewport: { width: 1280, height: 800 },
    });
    browser.#tabs = browser.tabs();
    return browser;
  }

  tabs() {
    return new Tabs(this.context);
  }

  get log() {
    return this.#tabs.log;
  }

  open(address) {
    return this.#tabs.open(address);
  }

  screenshots(path) {
    return this.#tabs.screenshots(path);
  }

  /** Ends the browser without a goodbye, as when its machine loses power. */
  async kill() {
    const lock = await readlink(join(this.profile, 'SingletonLock')); // host-pid
    const closed = new Promise((resolve) => this.context.once('close', resolve));
    process.kill(Number(lock.split('-').at(-1)), 'SIGKILL');
    await closed;
  }

  async stop() {
    await this.context.close().catch(() => {}); // it may have been killed
    await rm(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
