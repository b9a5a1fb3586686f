// The server's clock, read from here. Delays are told between the moment a
// picture was made and the moment it is shown, so both must use one clock.

/** One question: the server said `ms` between `sent` and `received` of the local clock. */
export interface Sample {
  sent: number;
  received: number;
  ms: number;
}

/** What the server's clock is ahead of the local one, and how far that may be off, in ms. */
export interface Offset {
  ms: number;
  error: number;
}

const keep = 60_000; // clocks drift: older samples are forgotten
const interval = 3_000;

/** Milliseconds since the Unix epoch by this machine, in fractions. */
const local = () => performance.timeOrigin + performance.now();

/**
 * The offset that agrees with every sample: each bounds it from both sides. When
 * none does, a clock was set, and the newest samples count.
 */
export function offsetFrom(samples: readonly Sample[]): Offset | undefined {
  let low = -Infinity;
  let high = Infinity;
  for (const s of [...samples].reverse()) {
    const l = Math.max(low, s.ms - s.received);
    const h = Math.min(high, s.ms - s.sent);
    if (l > h) break;
    [low, high] = [l, h];
  }
  return Number.isFinite(low) ? { ms: (low + high) / 2, error: (high - low) / 2 } : undefined;
}

export class ServerClock {
  private samples: Sample[] = [];
  private found: Offset | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly url = '/clock') {}

  /** The server's time in ms; this machine's while the server was not asked. */
  now(): number {
    return local() + (this.found?.ms ?? 0);
  }

  /** How far now() may be off, in ms; undefined when it is not known. */
  uncertainty(): number | undefined {
    return this.found?.error;
  }

  /** Asks now, several times, and then from time to time until stop(). */
  async start(): Promise<void> {
    this.timer = setTimeout(() => void this.again(), interval);
    for (let i = 0; i < 6; i++) await this.ask();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private async again(): Promise<void> {
    await this.ask();
    if (this.timer !== undefined) this.timer = setTimeout(() => void this.again(), interval);
  }

  private async ask(): Promise<void> {
    let sent = local();
    let received: number;
    let ms: number;
    try {
      const reply = await fetch(this.url, { cache: 'no-store' });
      received = local();
      ms = ((await reply.json()) as { ms: number }).ms;
      if (!reply.ok || !Number.isFinite(ms)) return;
    } catch {
      return; // The server is away: older samples hold until they are too old.
    }
    // The browser's own notes are closer to the wire than a script can be.
    const note = performance.getEntriesByType('resource').findLast((e) => e.name.endsWith(this.url));
    if (note instanceof PerformanceResourceTiming && note.requestStart > 0) {
      const started = performance.timeOrigin + note.requestStart;
      const answered = performance.timeOrigin + note.responseStart;
      if (started >= sent && answered <= received && started < answered) [sent, received] = [started, answered];
    }
    performance.clearResourceTimings();
    this.samples = this.samples.filter((s) => received - s.received < keep);
    this.samples.push({ sent, received, ms });
    this.found = offsetFrom(this.samples);
  }
}
