// What a browser has to make up of sound where packets get lost.

import { freePorts, Lab } from '../lib/lab.mjs';
import { Link } from '../lib/link.mjs';
import { table } from '../lib/numbers.mjs';
import { theatre } from '../lib/theatre.mjs';

const warm = 6000, span = 15_000; // ms
const conditions = { delay: 25, loss: 0.1 };

export default {
  name: 'sound',
  limit: 80,
  figures: [
    { id: 'page', what: "sound concealed in Chromium at RTT 50 ms and 10 % random loss each way, with the offer of the project's page", must: '≤ 2 %' },
    { id: 'sdk', what: "the same by the vendor's SDK", must: '≤ 2 %' },
  ],

  async measure() {
    const lab = new Lab();
    try {
      const [rtc] = await freePorts(1);
      const { links, page } = await theatre(lab, { args: [`--rtc-addr=127.0.0.1:${rtc}`] });
      await page.addScriptTag({ url: '/aliyun-rts-sdk.js' });
      const listen = async (how, url) => {
        const link = lab.keep(await Link.start(rtc, conditions));
        const heard = await page.evaluate(([name, ...args]) => globalThis.measure[name](...args), [how, url, { server: rtc, down: link.port }, warm, span]);
        if (link.lost === 0) throw new Error('no datagram took the way through the link');
        if (!heard.samples) throw new Error(`no sound came: ${JSON.stringify(heard)}`);
        return heard;
      };
      const own = await listen('concealed', links.play.whep), sdk = await listen('concealedSDK', links.play.artc);
      return { page: figure(own), sdk: figure(sdk), details: details([['own page', own], ['SDK', sdk]]) };
    } finally {
      await lab.close();
    }
  },
};

const share = (h) => 100 * h.concealed / h.samples;
const figure = (h) => ({ measured: `${share(h).toFixed(2)} %`, holds: share(h) <= 2 });

const details = (rows) => `### Lost sound

ffmpeg's sine, AAC over RTMP, is converted to Opus and played by Chromium through a UDP relay: ${conditions.delay} ms and ${100 * conditions.loss} % random loss in
each direction, for the handshake too. Counted for ${span / 1000} s, from ${warm / 1000} s after the start on, by the browser: \`concealedSamples\` but for the silent
ones, of \`totalSamplesReceived\`. Redundant packets are what RED brought of
what was there; the browser counts them as discarded.

${table(['offer', 'concealed %', 'silent too %', 'packets', 'lost for good', 'redundant', 'repeats', 'jitter buffer ms'],
  rows.map(([name, h]) => [name, share(h).toFixed(2), (100 * (h.concealed + h.silent) / h.samples).toFixed(2), h.received, h.lost, h.redundant, h.repeats, h.jitter.toFixed(0)]))}
`;
