// What can go wrong, in words for somebody who wants to watch a stream or to
// publish one.

export interface Problem {
  title: string;
  advice: string;
  /** It may go away by itself: try again. */
  passing: boolean;
}

export class Failure extends Error {
  constructor(readonly problem: Problem) {
    super(problem.title);
  }
}

/** How a server says no: HTTP status, its word for the reason, its sentence. */
export interface Refusal {
  status: number;
  code?: string;
  detail?: string;
}

/** Problems by the server's word for the reason, and by HTTP status. */
export interface Words {
  byCode: Record<string, Problem>;
  byStatus: Record<number, Problem>;
}

/** A refusal in plain words. The server's own sentence comes last. */
export function refused({ status, code = '', detail = '' }: Refusal, { byCode, byStatus }: Words = playing): Problem {
  const problem = byCode[code] ?? byStatus[status] ?? { title: `The server refused (${status})`, advice: '', passing: status >= 500 };
  const said = detail ? `The server says: ${detail}` : '';
  return { ...problem, advice: [problem.advice, said].filter((s) => s !== '').join(' ') };
}

const playing: Words = {
  byCode: {
    codec: {
      title: 'This browser cannot play the stream over WebRTC',
      advice: 'They have no codec in common. Publish H264.',
      passing: false,
    },
    b_frames: {
      title: 'This stream has B-frames',
      advice: 'Browsers cannot play them over WebRTC. Publish without (in OBS: tune zerolatency or Max B-frames 0; in ffmpeg: -bf 0).',
      passing: true,
    },
    unknown_domain: { title: 'This host name is not a streaming domain', advice: 'Open the page by the name of one.', passing: false },
    mode: { title: 'Not in this latency mode', advice: 'The domain does not permit this way of playing.', passing: false },
  },
  byStatus: {
    400: { title: 'The address is not valid', advice: 'Check the application and the stream name.', passing: false },
    403: {
      title: 'The signature is not accepted',
      advice: 'The auth_key is missing, has expired, or was made for another address. Ask for a new one.',
      passing: false,
    },
    404: { title: 'Nobody is publishing this stream', advice: 'It starts here by itself as soon as somebody does.', passing: true },
    406: {
      title: 'This browser cannot play the stream over WebRTC',
      advice: 'It takes H264 without B-frames (in OBS: Max B-frames 0; in ffmpeg: -bf 0).',
      passing: false,
    },
    503: { title: 'The server is full', advice: 'It takes no more viewers now.', passing: true },
    504: { title: 'The stream did not start in time', advice: 'It is wanted, but no picture has come yet.', passing: true },
  },
};

export const unreachable: Problem = {
  title: 'The server does not answer',
  advice:
    'Is Millrace still running, and is this page still on the right address?' +
    (globalThis.location?.protocol === 'https:' ? ' If its certificate has changed, reload the page to accept the new one.' : ''),
  passing: true,
};

export const blocked: Problem = {
  title: 'No media gets through',
  advice:
    'The server answered, but its media port (UDP and TCP 8000) cannot be reached from here. Open it in the firewall, or tell the server its public address with --rtc-ip.',
  passing: true,
};

export const ended: Problem = { title: 'The stream has ended', advice: 'It goes on here when it is published again.', passing: true };

export const unsupported = (what: string): Problem => ({
  title: `This browser has no ${what}`,
  advice: 'A current Chrome, Edge, Firefox or Safari has it.',
  passing: false,
});

/** Any error as a problem. */
export function problemOf(e: unknown, title = 'Playing failed'): Problem {
  if (e instanceof Failure) return e.problem;
  if (e instanceof TypeError) return unreachable; // what fetch throws without a connection
  return { title, advice: e instanceof Error ? e.message : String(e), passing: true };
}
