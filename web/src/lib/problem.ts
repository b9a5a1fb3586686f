// What can go wrong, in words for somebody who wants to watch a stream.

export interface Problem {
  title: string;
  advice: string;
  /** It may go away by itself: try again. */
  passing: boolean;
}

export class PlayError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.title);
  }
}

/** The server's refusal. detail is its own sentence, if it gave one. */
export function refusal(status: number, detail = ''): Problem {
  const said = detail ? ` The server says: ${detail}` : '';
  switch (status) {
    case 400:
      return { title: 'The address is not valid', advice: `Check the application and the stream name.${said}`, passing: false };
    case 403:
      return {
        title: 'The signature is not accepted',
        advice: `The auth_key is missing, has expired, or was made for another address. Ask for a new one.${said}`,
        passing: false,
      };
    case 404:
      return { title: 'Nobody is publishing this stream', advice: 'It starts here by itself as soon as somebody does.', passing: true };
    case 406:
      return {
        title: 'This browser cannot play the stream over WebRTC',
        advice: `It takes H264 without B-frames. Publish with B-frames off (in OBS: Max B-frames 0; in ffmpeg: -bf 0).${said}`,
        passing: false,
      };
    case 503:
      return { title: 'The server is full', advice: 'It takes no more viewers now.', passing: true };
    case 504:
      return { title: 'The stream did not start in time', advice: 'It is wanted, but no picture has come yet.', passing: true };
    default:
      return { title: `The server refused (${status})`, advice: detail || 'Its log says why.', passing: status >= 500 };
  }
}

export const unreachable: Problem = {
  title: 'The server does not answer',
  advice: 'Is Millrace still running, and is this page still on the right address?',
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
export function problemOf(e: unknown): Problem {
  if (e instanceof PlayError) return e.problem;
  if (e instanceof TypeError) return unreachable; // what fetch throws without a connection
  return { title: 'Playing failed', advice: e instanceof Error ? e.message : String(e), passing: true };
}
