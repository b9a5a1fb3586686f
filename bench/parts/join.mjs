// How long a viewer waits for the first picture of a stream that is running.

import { setTimeout as pause } from 'node:timers/promises';

import { gopMs } from '../lib/source.mjs';
import { median, ms, quantile, short, table } from '../lib/numbers.mjs';
import { Lab } from '../lib/lab.mjs';
import { theatre } from '../lib/theatre.mjs';

const joins = 11;
// The next join comes 8/11 of a GOP later, as soon as the last one is over; no
// common factor, so that every age has its turn.
const stride = 8;

export default {
  name: 'join',
  limit: 60,
  figures: [{ id: 'first', what: 'POST to the first picture in Chromium, hot stream, p50', must: '≤ 150 ms' }],

  async measure() {
    const lab = new Lab();
    try {
      const { links, source, page } = await theatre(lab);
      const join = (moment) => page.evaluate(([url, at]) => globalThis.measure.join(url, at), [links.play.whep, moment]);
      await join(Date.now()); // warms the browser; not counted
      const seen = [];
      for (let i = 0; i < joins; i++) {
        const age = ((i * stride) % joins + 0.5) * gopMs / joins;
        const lead = 60; // ms for preparing the offer
        const now = Date.now() + lead - source.began;
        const moment = source.began + now + ((age - now) % gopMs + gopMs) % gopMs;
        await pause(moment - Date.now() - lead);
        seen.push({ age, ...(await join(moment)) });
      }
      const firsts = seen.map((s) => s.first);
      return {
        first: { measured: `${ms(median(firsts))} (${joins} joins, ${short(Math.min(...firsts))} to ${ms(quantile(firsts, 1))})`, holds: median(firsts) <= 150 },
        details: details(seen.sort((a, b) => a.age - b.age)),
      };
    } finally {
      await lab.close();
    }
  },
};

function details(seen) {
  const rows = seen.map((s) => [s.age, s.answered, s.first, s.behind, s.live, s.delay].map((x) => (x === undefined ? '–' : short(x))));
  return `### First picture

From the call of \`fetch()\` of the WHEP POST to the first \`requestVideoFrameCallback\` of a new element, in a browser that
has played the stream once before. Key frames are ${gopMs / 1000} s apart; the joins are spread over that. The first picture is the
newest key frame or one of those after it, as old as its delay says; then the viewer catches up. All in ms.

${table(['age of the key frame', 'POST → answer', 'POST → first picture', 'delay of that picture', 'POST → within 150 ms of live', 'delay 1 s later'], rows)}
`;
}
