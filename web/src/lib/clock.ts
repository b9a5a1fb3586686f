// The server's clock, read from here. Delays are told between the moment a
// picture was made and the moment it is shown, so both must use one clock.

interface Sample {
  offset: number; // server - local, ms
  rtt: number;
  at: number; // local ms
}

const keep = 5 * 60_000; // clocks drift: older samples are forgotten
const interval = 15_000;

/** Milliseconds since the Unix epoch by this machine, in fractions. */
const local = () => performance.timeOrigin + performance.now();

/** The best sample is the one that was fastest: it can be wrong by half its round trip. */
export function best(samples: readonly Sample[], now: number): Sample | undefined {
  return samples.filter((s) => now - s.at < keep).reduce<Sample | undefined>(
    (a, s) => (!a || s.rtt < a.rtt ? s : a),
    undefined,
  );
}

export class ServerClock {
  private samples: Sample[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly url = '/clock') {}

  /** The server's time in ms; this machine's while the server was not asked. */
  now(): number {
    const l = local();
    return l + (best(this.samples, l)?.offset ?? 0);
  }

  /** How far now() may be off, in ms; undefined when it is not known. */
  uncertainty(): number | undefined {
    const s = best(this.samples, local());
    return s && s.rtt / 2;
  }

  /** Server - local, in ms; undefined when it is not known. */
  offset(): number | undefined {
    return best(this.samples, local())?.offset;
  }

  /** Asks now, several times, and then from time to time until stop(). */
  async start(): Promise<void> {
    for (let i = 0; i < 6; i++) await this.ask();
    this.timer = setTimeout(() => void this.again(), interval);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private async again(): Promise<void> {
    for (let i = 0; i < 2; i++) await this.ask();
    if (this.timer !== undefined) this.timer = setTimeout(() => void this.again(), interval);
  }

  private async ask(): Promise<void> {
    try {
      const sent = local();
      const reply = await fetch(this.url, { cache: 'no-store' });
      const received = local();
      const { ms } = (await reply.json()) as { ms: number };
      if (!reply.ok || !Number.isFinite(ms)) return;
      const fresh = this.samples.filter((s) => received - s.at < keep);
      this.samples = [...fresh, { offset: ms - (sent + received) / 2, rtt: received - sent, at: received }];
    } catch {
      // The server is away: older samples hold until they are too old.
    }
  }
}
