// Numbers and how they are written.

/** The q-th quantile: the smallest value that a part q of all does not exceed. */
export function quantile(values, q) {
  if (values.length === 0) throw new Error('nothing was measured');
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))];
}

export const median = (values) => quantile(values, 0.5);

/** p50, p95, p99 and the largest. */
export const spread = (values) => ({
  p50: quantile(values, 0.5), p95: quantile(values, 0.95), p99: quantile(values, 0.99), max: quantile(values, 1), n: values.length,
});

/** At most three digits that say something: 0.42, 4.2, 42. */
export function short(x) {
  const size = Math.abs(x);
  return x.toFixed(size < 1 ? 2 : size < 10 ? 1 : 0);
}

export const ms = (x) => `${short(x)} ms`;
export const seconds = (x) => `${(x / 1000).toFixed(1)} s`;

/** A table in Markdown; cells are made into text. */
export function table(head, rows) {
  const line = (cells) => `| ${cells.map((c) => String(c ?? '–')).join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}
