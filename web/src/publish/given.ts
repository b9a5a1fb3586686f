// The addresses that a visitor pasted, kept as long as the tab lives: they
// carry keys.

export interface Given {
  /** The publish address. */
  publish: string;
  /** An address to watch the same stream at; "" when not given. */
  watch: string;
}

const key = 'millrace-publish';

export function remember(g: Given | undefined): void {
  try {
    if (g) sessionStorage.setItem(key, JSON.stringify(g));
    else sessionStorage.removeItem(key);
  } catch {
    // Storage may be forbidden: then it is not remembered.
  }
}

export function recall(): Given | undefined {
  try {
    const g = JSON.parse(sessionStorage.getItem(key) ?? 'null') as Partial<Given> | null;
    return g && typeof g.publish === 'string' && typeof g.watch === 'string' ? { publish: g.publish, watch: g.watch } : undefined;
  } catch {
    return undefined;
  }
}
