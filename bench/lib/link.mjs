// A network between browser and server: a UDP relay that delays, jitters and
// loses datagrams, the same in both directions, and may be narrow towards the
// browser. It keeps their order.

import { createSocket } from 'node:dgram';

const headers = 28; // bytes of IPv4 and UDP

export class Link {
  lost = 0;
  full = 0; // that found no room in the queue
  passed = 0;
  #sockets = [];
  #ups = new Map();

  /**
   * To a UDP port of 127.0.0.1; delay and jitter in ms, loss from 0 to 1; rate in
   * bit/s towards the browser, and queue, the bytes that may wait for it. The
   * conditions may be changed at any time.
   */
  static async start(port, conditions) {
    const link = new Link();
    link.conditions = conditions;
    link.front = await link.#socket();
    link.front.on('message', (data, from) => void link.#in(data, from, port));
    return link;
  }

  get port() {
    return this.front.address().port;
  }

  #socket() {
    return new Promise((resolve, reject) => {
      const s = createSocket({ type: 'udp4', recvBufferSize: 1 << 20, sendBufferSize: 1 << 20 });
      this.#sockets.push(s);
      s.once('error', reject).bind(0, '127.0.0.1', () => resolve(s));
    });
  }

  /** One direction's passage: resolves send() calls in order, at their time. */
  #lane(send, narrow = false) {
    let last = 0, free = 0;
    return (data) => {
      const { delay = 0, jitter = 0, loss = 0, rate = Infinity, queue = Infinity } = this.conditions;
      if (Math.random() < loss) {
        this.lost++;
        return;
      }
      const now = performance.now();
      if (narrow) {
        free = Math.max(free, now);
        if ((free - now) * rate / 8000 > queue) {
          this.full++;
          return;
        }
        free += (data.length + headers) * 8000 / rate;
      }
      this.passed++;
      const at = Math.max(last, (narrow ? free : now) + delay + (2 * Math.random() - 1) * jitter);
      last = at;
      setTimeout(() => send(data), at - performance.now());
    };
  }

  #in(data, from, port) {
    const key = `${from.address}:${from.port}`;
    let lane = this.#ups.get(key);
    if (!lane) {
      lane = this.#connect(from, port);
      this.#ups.set(key, lane);
    }
    void lane.then((send) => send(data));
  }

  async #connect(from, port) {
    const up = await this.#socket();
    const down = this.#lane((data) => this.#stopped || this.front.send(data, from.port, from.address), true);
    up.on('message', down);
    return this.#lane((data) => this.#stopped || up.send(data, port, '127.0.0.1'));
  }

  #stopped = false;

  async stop() {
    this.#stopped = true;
    await Promise.all(this.#sockets.map((s) => new Promise((resolve) => s.close(resolve))));
  }
}
