// The page that publishes.

import assert from 'node:assert/strict';

import { playing, trial, until } from './harness.mjs';

const words = (page) => page.evaluate(() => document.body.innerText);
const says = (page, what) => until(`the page says ${what}`, async () => what.test(await words(page)));
const press = (page, name) => page.getByRole('button', { name, exact: true }).click();

/** From the front page to a running stream, as a visitor does it. */
async function publish(page) {
  await page.getByRole('navigation').getByRole('link', { name: 'Publish', exact: true }).click();
  await press(page, 'Use the camera');
  await press(page, 'Start publishing');
  await playing(page, { selector: 'section[aria-label="What viewers see"] video' });
}

trial('the page publishes the camera and watches itself, and goes on after an ICE restart', async (bench) => {
  const server = await bench.server();
  const page = await bench.open(server.page);
  const restarts = [];
  page.on('response', (r) => { if (r.request().method() === 'PATCH') restarts.push(r.status()); });
  await publish(page);
  await until('figures and a delay', async () => /\d+ kbit\/s\s+bit rate.*H264, Opus.*\d+ ms\s+delay/s.test(await words(page)));
  assert.match(await words(page), /artc:\/\/localhost:\d+\/live\/mine\?auth_key=.*\/whep\/live\/mine\?.*\/live\/mine\.flv\?/s);
  const flv = await fetch(await page.locator('dd', { hasText: '.flv' }).locator('code').innerText());
  assert.equal(flv.status, 200);
  await flv.body.cancel();

  await page.evaluate(() => dispatchEvent(new Event('online'))); // what a change of networks looks like
  await until('the restart', () => restarts.length > 0);
  assert.deepEqual(restarts, [200]);
  await playing(page, { selector: 'section[aria-label="What viewers see"] video' });
  assert.equal(await server.metric('millrace_signal_ice_restarts_total'), 1);

  await press(page, 'Stop publishing');
  await until('the end to be noticed', async () => (await server.metric('millrace_rtc_sessions')) === 0);
});

trial('the page publishes over HTTPS, and no screen is too small for it', async (bench) => {
  const server = await bench.server({ auth: false, tls: true });
  const page = await bench.open(server.securePage);
  await page.setViewportSize({ width: 360, height: 740 });
  const wide = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.equal(await wide(), 0);
  await publish(page);
  await page.getByText('Quality', { exact: false }).first().click();
  assert.equal(await wide(), 0);
  await page.getByLabel('Size').selectOption({ label: '360p' });
  await until('the smaller picture', () => page.evaluate(() => [...document.querySelectorAll('video')].at(-1).videoHeight <= 360));
  await page.reload();
  await page.getByRole('button', { name: 'Use the camera' }).waitFor();
  await until('the end to be noticed', async () => (await server.metric('millrace_rtc_sessions')) === 0);
});

trial('the page says what is wrong and what to do', async (bench) => {
  const server = await bench.server();
  const links = await server.links('live/mine');
  const browser = await bench.browser({ asks: true });
  const page = await browser.open(`${server.page}publish`);
  await press(page, 'Use the camera');
  await says(page, /may not be used[\s\S]*Permission was denied[\s\S]*Try the camera again/);

  const allowed = await bench.open(`${server.page}publish`);
  await allowed.getByRole('button', { name: 'Another address' }).click();
  await allowed.getByLabel('Publish address').fill(links.publish.artc.split('?')[0]);
  await press(allowed, 'Use it');
  await press(allowed, 'Use the camera');
  await press(allowed, 'Start publishing');
  await says(allowed, /The key is not accepted[\s\S]*The server says: /);
});

trial('the page asks for an address where it is given none', async (bench) => {
  const server = await bench.server();
  const links = await server.links('live/other');
  const elsewhere = `${server.page.replace('localhost', 'elsewhere.test')}publish`; // http:// and not this machine
  const page = await bench.open(elsewhere);
  await says(page, /Where to publish/);
  await page.getByLabel('Publish address').fill('artc://push.example.com/live/other');
  await press(page, 'Use it');
  await says(page, /publishes to its own server, elsewhere\.test:\d+/);
  await page.getByLabel('Publish address').fill(links.publish.artc);
  await page.getByLabel(/Play address/).fill(links.play.artc);
  await press(page, 'Use it');
  await says(page, /live\/other on this server/);
  await page.reload();
  await says(page, /live\/other on this server/);
  await press(page, 'Use the camera');
  await says(page, /secure pages only[\s\S]*--tls[\s\S]*https:\/\/elsewhere\.test:8443\/publish/);
});
