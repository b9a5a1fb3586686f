// Figures as they were measured: delays picture by picture, rates each while.

export interface Sample {
  at: number; // ms, of performance.now()
  value: number;
}

/** The samples of the last while. */
export class Trace {
  private samples: Sample[] = [];

  /** span is how long samples are kept, in ms. */
  constructor(readonly span = 30_000) {}

  push(at: number, value: number): void {
    this.samples.push({ at, value });
    const first = this.samples.findIndex((s) => at - s.at <= this.span);
    if (first > 0) this.samples.splice(0, first);
  }

  clear(): void {
    this.samples = [];
  }

  all(): readonly Sample[] {
    return this.samples;
  }

  /** The median of the last `window` ms; undefined when nothing was measured. */
  median(now: number, window = 2000): number | undefined {
    const recent = this.samples.filter((s) => now - s.at <= window).map((s) => s.value);
    return median(recent);
  }
}

export function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[half];
  const [a, b] = [sorted[half - 1], sorted[half]];
  return a === undefined || b === undefined ? undefined : (a + b) / 2;
}

/** "38 ms", "1.42 s" */
export function words(ms: number): string {
  return Math.abs(ms) < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}
