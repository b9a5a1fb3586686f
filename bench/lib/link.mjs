// A network between browser and server: a UDP relay that delays, jitters and
// loses datagrams, the same in both directions. It keeps their order.

import { createSocket } from 'node:dgram';

export class Link {
  lost = 0;
  passed = 0;
  #sockets = [];
  #ups = new Map();

  /** To a UDP port of 127.0.0.1; delay and jitter in ms, loss from 0 to 1. */
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
  #lane(send) {
    let last = 0;
    return (data) => {
      const { delay, jitter, loss } = this.conditions;
      if (Math.random() < loss) {
        this.lost++;
        return;
      }
      this.passed++;
      const at = Math.max(last, performance.now() + delay + (2 * Math.random() - 1) * jitter);
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
    const down = this.#lane((data) => this.#stopped || this.front.send(data, from.port, from.address));
    up.on('message', down);
    return this.#lane((data) => this.#stopped || up.send(data, port, '127.0.0.1'));
  }

  #stopped = false;

  async stop() {
    this.#stopped = true;
    await Promise.all(this.#sockets.map((s) => new Promise((resolve) => s.close(resolve))));
  }
}
