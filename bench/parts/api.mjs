// The API: reads at a steady rate, with streams and domains there; and what it
// costs to let a signed request in.

import { createHmac, randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { binary, freePorts, Lab, scratch } from '../lib/lab.mjs';
import { short, spread, table } from '../lib/numbers.mjs';
import { benchmark } from './code.mjs';

const rate = 200; // requests per second
const span = 8; // s
const domains = 50;

const reads = [
  ['DescribeLiveUserDomains', { PageSize: '50' }],
  ['DescribeLiveDomainDetail', { DomainName: 'push.localhost' }],
  ['DescribeLiveDomainConfigs', { DomainName: 'play.localhost' }],
  ['DescribeLiveDomainMapping', { DomainName: 'play.localhost' }],
  ['DescribeLiveStreamsOnlineList', { DomainName: 'play.localhost' }],
  ['DescribeLiveStreamsPublishList', { DomainName: 'play.localhost', StartTime: at(-3600), EndTime: at(3600) }],
];

const costs = [
  { id: 'stream', what: 'a stream, URL signing and access rules, 10,000 domains', path: './internal/admit', bench: 'Admit$/^quiet$' },
  { id: 'v1', what: 'the API, HMAC-SHA1', path: './internal/openapi', bench: 'Authenticate$/^V1$' },
  { id: 'v3', what: 'the API, ACS3-HMAC-SHA256', path: './internal/openapi', bench: 'Authenticate$/^V3$' },
];

export default {
  name: 'api',
  limit: 120,
  figures: [
    { id: 'read', what: `API, reads at ${rate} per second beside ${domains} domains and a stream, p50 / p99`, must: '– / ≤ 20 ms' },
    { id: 'admit', what: 'processor time to let a signed request in: a stream, 10,000 domains / the API, HMAC-SHA1 / ACS3', must: '≤ 20 µs each' },
  ],

  async measure() {
    const { all, failed } = await steady();
    const s = spread(all.map(({ took }) => took));
    const admitted = [];
    for (const c of costs) admitted.push({ ...c, result: (await benchmark(c.path, c.bench, '1s'))[0] });
    const cpu = admitted.map(({ result }) => result.values['cpu-ns/op'] / 1000);
    if (cpu.some(Number.isNaN)) throw new Error('a benchmark has lost its metric');
    return {
      read: { measured: `${short(s.p50)} / ${short(s.p99)} ms${failed ? `, ${failed} failed` : ''}`, holds: s.p99 <= 20 && failed === 0 },
      admit: { measured: `${cpu.map(short).join(' / ')} µs`, holds: cpu.every((v) => v <= 20) },
      details: `### The API

${rate} signed requests per second for ${span} s over connections that stay open, from Node.js on the same machine; each counts from when it was due.

${table(['action', 'times', 'p50', 'p99', 'slowest, ms'], reads.map(([name]) => {
    const one = spread(all.filter(({ action }) => action === name).map(({ took }) => took));
    return [`\`${name}\``, one.n, short(one.p50), short(one.p99), short(one.max)];
  }))}

${table(['a signed request is let in to', 'times', 'values'], admitted.map(({ what, result }) => [what, result.times, result.text]))}
`,
    };
  },
};

function at(seconds) {
  return `${new Date(Date.now() + seconds * 1000).toISOString().slice(0, 19)}Z`;
}

/** Asks at a steady rate; returns how long each answer took, in ms. */
async function steady() {
  const lab = new Lab();
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  try {
    const data = await mkdtemp(join(scratch, 'data-'));
    const [http, rtmp, rtc, admin] = (await freePorts(4)).map((p) => `127.0.0.1:${p}`);
    const server = lab.start(binary, ['serve', '--demo', '--data-dir', data, '--log-level', 'warn', '--domain-quota', String(domains),
      '--http-addr', http, '--rtmp-addr', rtmp, '--srt-addr', 'off', '--rtc-addr', rtc, '--admin-addr', admin]);
    const key = await keyOf(server);
    const ask = (action, parameters) => call(agent, admin, key, action, parameters);
    for (let i = 0; i < domains; i++) {
      const { status, text } = await ask('AddLiveDomain', { DomainName: `push${i}.test`, LiveDomainType: 'liveEdge', Region: 'local' });
      if (status !== 200) throw new Error(`AddLiveDomain: ${status} ${text}`);
    }
    for (const [action, parameters] of reads) { // once each, to warm up, and to see that they are right
      const { status, text } = await ask(action, parameters);
      if (status !== 200) throw new Error(`${action}: ${status} ${text}`);
    }
    const all = [];
    let failed = 0;
    const pending = [];
    const began = performance.now();
    for (let i = 0; i < rate * span; i++) {
      const due = began + (i * 1000) / rate;
      do await pause(Math.max(0, due - performance.now())); // answers are read meanwhile, even when this is late
      while (performance.now() < due);
      const [action, parameters] = reads[i % reads.length];
      pending.push(ask(action, parameters).then(({ status }) => {
        if (status !== 200) failed++;
        all.push({ action, took: performance.now() - due });
      }, () => failed++));
    }
    await Promise.all(pending);
    return { all, failed };
  } finally {
    agent.destroy();
    await lab.close();
  }
}

/** The access key that a first start prints. */
async function keyOf(server) {
  for (;;) {
    const id = /AccessKey +(\w+)/.exec(server.out)?.[1], secret = /Secret +(\w+)/.exec(server.out)?.[1];
    if (id && secret && /^\s*Stop /m.test(server.out)) return { id, secret };
    if (server.status !== undefined) throw new Error(`the server has ended: ${server.err}`);
    await pause(20);
  }
}

const escape = (s) => encodeURIComponent(s).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** One request, signed with HMAC-SHA1. */
function call(agent, address, key, action, parameters) {
  const p = {
    ...parameters, Action: action, Version: '2016-11-01', Format: 'JSON', AccessKeyId: key.id, Timestamp: at(0),
    SignatureMethod: 'HMAC-SHA1', SignatureVersion: '1.0', SignatureNonce: randomUUID(),
  };
  const query = Object.keys(p).sort().map((name) => `${escape(name)}=${escape(p[name])}`).join('&');
  const signature = createHmac('sha1', `${key.secret}&`).update(`GET&%2F&${escape(query)}`).digest('base64');
  return new Promise((resolve, reject) => {
    request(`http://${address}/?${query}&Signature=${escape(signature)}`, { agent }, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (part) => (text += part)).on('end', () => resolve({ status: res.statusCode, text })).on('error', reject);
    }).on('error', reject).end();
  });
}
