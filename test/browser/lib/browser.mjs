// Chromium with a fresh profile, fake camera and microphone, and nothing of the
// outside world: the vendor's telemetry goes to a closed port.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { chromium } from 'playwright-core';

const flags = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required',
  '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream',
  '--disable-background-timer-throttling', '--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows',
  '--disable-features=WebRtcHideLocalIpsWithMdns', '--ignore-certificate-errors',
  '--host-resolver-rules=MAP *.aliyuncs.com 127.0.0.1:9, MAP *.alicdn.com 127.0.0.1:9, MAP *.test 127.0.0.1',
];

export class Browser {
  log = '';

  static async start() {
    const browser = new Browser();
    browser.profile = await mkdtemp(join(tmpdir(), 'millrace-chromium-'));
    browser.context = await chromium.launchPersistentContext(browser.profile, {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      headless: true, args: flags, ignoreHTTPSErrors: true, viewport: { width: 1280, height: 800 },
    });
    return browser;
  }

  /** Opens an address in a tab of its own. */
  async open(address) {
    const page = await this.context.newPage();
    const note = (text) => (this.log = `${this.log}${text}\n`.slice(-64 * 1024));
    page.on('console', (m) => note(`${m.type()}: ${m.text()}`));
    page.on('pageerror', (e) => note(`uncaught: ${e.message}`));
    page.on('requestfailed', (r) => note(`failed: ${r.method()} ${r.url()} ${r.failure()?.errorText}`));
    await page.goto(address);
    return page;
  }

  /** Saves what each tab shows, for looking at after a failure. */
  async screenshots(path) {
    const pages = this.context.pages().filter((p) => p.url() !== 'about:blank');
    return Promise.all(pages.map((p, i) => p.screenshot({ path: `${path}-${i + 1}.png`, timeout: 5000 }).catch(() => {})));
  }

  async stop() {
    await this.context.close();
    await rm(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
