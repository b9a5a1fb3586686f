// A bad network between a browser and a server: a UDP relay that loses packets,
// both ways, and all the same ones in each run.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';

import { candidates } from './webrtc.mjs';

export class Relay {
  lost = 0;
  passed = 0;
  #sockets = [];
  #random;
  #loss;

  /** loss is the share that is lost each way, 0 to 1. */
  constructor({ loss = 0.05, seed = 1 } = {}) {
    this.#loss = loss;
    this.#random = generator(seed);
  }

  /** Puts the relay before the server of an answer: returns the answer with the relay's address. */
  async between(sdp) {
    const [, port] = /^a=candidate:\S+ 1 udp \d+ \S+ (\d+) typ host/im.exec(sdp) ?? [];
    const front = await this.#bind();
    const server = { address: '127.0.0.1', port: Number(port) };
    const backs = new Map(); // of each of the browser's addresses
    front.on('message', async (packet, browser) => {
      const from = `${browser.address} ${browser.port}`;
      if (!backs.has(from)) {
        backs.set(from, this.#bind().then((back) => back.on('message', (reply) => this.#pass(front, reply, browser))));
      }
      this.#pass(await backs.get(from), packet, server);
    });
    const ours = front.address().port;
    return candidates(sdp, (c) => / udp /i.test(c) && c.replace(/^(\S+ \S+ \S+ \S+) \S+ \d+/, `$1 127.0.0.1 ${ours}`));
  }

  get log() {
    return `${this.passed} passed, ${this.lost} lost`;
  }

  stop() {
    for (const s of this.#sockets.splice(0)) s.close();
    return Promise.resolve();
  }

  async #bind() {
    const s = createSocket('udp4');
    this.#sockets.push(s);
    s.bind(0, '127.0.0.1');
    await once(s, 'listening');
    return s;
  }

  #pass(socket, packet, to) {
    if (this.#random() < this.#loss) {
      this.lost++;
      return;
    }
    this.passed++;
    if (this.#sockets.includes(socket)) socket.send(packet, to.port, to.address);
  }
}

/** Numbers from 0 to 1 that are the same for the same seed (xorshift). */
function generator(seed) {
  let x = seed;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 2 ** 32;
  };
}
