// The time calibrator, captured and published like by OBS, is read by the player.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { trial, until } from './harness.mjs';

trial('the player reads the time from a captured calibrator', async (bench) => {
  const server = await bench.server({ auth: false });
  const links = await server.links('live/mine');
  const calibrator = await bench.open(`${server.page}calibrate`);
  await calibrator.setViewportSize({ width: 1280, height: 720 });
  const kept = await mkdtemp(join(tmpdir(), 'millrace-shot-'));
  try {
    const shot = join(kept, 'clock.png');
    await until('the clock', async () => (await calibrator.evaluate(() => document.querySelector('canvas')?.width)) > 0);
    const before = Date.now();
    await calibrator.screenshot({ path: shot });
    const after = Date.now();
    await calibrator.close();
    await bench.publish(links.publish.rtmp, { still: shot });
    const page = await bench.open(server.page);
    await page.getByLabel(/Stream or its address/).fill('live/mine');
    await page.getByRole('button', { name: 'Play', exact: true }).last().click();
    await until('a picture', async () => (await page.evaluate(() => document.querySelector('video')?.videoWidth)) > 0);
    // The picture stands still, so what it is late by grows like the time since.
    const late = await until('a delay', async () => {
      const text = await page.evaluate(() => document.body.innerText);
      const [, number, unit] = /([\d.]+)\s?(ms|s)\s+delay/.exec(text) ?? [];
      return number && { ms: Number(number) * (unit === 's' ? 1000 : 1), at: Date.now() };
    });
    assert.ok(late.ms > late.at - after - 10_000 && late.ms < late.at - before + 500,
      `told ${late.ms} ms, ${late.at - before} ms after the screenshot`);
  } finally {
    await rm(kept, { recursive: true, force: true });
  }
});
