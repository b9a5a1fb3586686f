// The viewers of this server, looked at once a second.

import { Trace } from '../lib/delay';
import { change, type Change, type Viewer } from '../lib/viewing';

export interface Row {
  viewer: Viewer;
  change: Change | undefined;
}

/** What is kept of the viewer whose detail is open. */
export class Traces {
  readonly rtt = new Trace(60_000);
  readonly loss = new Trace(60_000);
  readonly rate = new Trace(60_000);
  readonly delay = new Trace(60_000);
}

export class Watching {
  rows = $state.raw<Row[]>([]);
  total = $state(0);
  problem = $state<string>();
  known = $state(false); // an answer has come
  stream = $state('');
  open = $state<string>();
  traces = new Traces();

  #before = new Map<string, Viewer>();
  #at = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  start(): void {
    this.#timer = setTimeout(() => void this.#look(), 0);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  show(id: string | undefined): void {
    this.open = id;
    this.traces = new Traces();
  }

  async #look(): Promise<void> {
    try {
      const reply = await fetch(`/api/viewers?${new URLSearchParams({ stream: this.stream.trim() })}`, { cache: 'no-store' });
      if (!reply.ok) throw new Error((await reply.text()).trim() || `status ${reply.status}`);
      this.#take((await reply.json()) as { total: number; viewers: Viewer[] });
      this.problem = undefined;
    } catch (error) {
      this.problem = error instanceof TypeError ? 'The server does not answer.' : String(error);
    }
    this.#timer = setTimeout(() => void this.#look(), 1000);
  }

  #take({ total, viewers }: { total: number; viewers: Viewer[] }): void {
    const now = performance.now();
    const seconds = (now - this.#at) / 1000;
    this.rows = viewers.map((viewer) => ({ viewer, change: change(this.#before.get(viewer.id), viewer, seconds) }));
    this.total = total;
    this.known = true;
    this.#before = new Map(viewers.map((v) => [v.id, v]));
    this.#at = now;
    const row = this.rows.find((r) => r.viewer.id === this.open);
    if (!row) return;
    this.traces.rtt.push(now, row.viewer.rtt_ms);
    this.traces.loss.push(now, 100 * row.viewer.loss);
    this.traces.delay.push(now, row.viewer.capture_to_send_ms);
    if (row.change) this.traces.rate.push(now, row.change.kbps);
  }
}
