// Waiting for what happens elsewhere: asked again and again, up to a deadline.

import { setTimeout as pause } from 'node:timers/promises';

/**
 * Resolves with the first true value of condition(), which may be asynchronous.
 * Rejects after `timeout` ms, saying what was waited for and what came last. An
 * error that condition() throws counts as "not yet", but for a Hopeless one.
 */
export async function until(what, condition, { timeout = 30_000, every = 50 } = {}) {
  const deadline = Date.now() + timeout;
  let last;
  for (;;) {
    try {
      last = await condition();
      if (last) return last;
    } catch (error) {
      if (error instanceof Hopeless) throw new Error(`${what}: ${error.message}`);
      last = error;
    }
    if (Date.now() >= deadline) {
      throw new Error(`${what}: not within ${timeout} ms; last: ${show(last)}`);
    }
    await pause(every);
  }
}

/** Says that waiting on makes no sense. */
export class Hopeless extends Error {}

function show(value) {
  if (value instanceof Error) return value.message;
  return JSON.stringify(value) ?? String(value);
}
