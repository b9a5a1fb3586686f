// What can go wrong between a camera and the server, in words for somebody who
// wants to publish.

import { problemOf, type Problem, type Words } from './problem';

/** The server's refusals. */
export const publishing: Words = {
  byCode: {
    auth: {
      title: 'The key is not accepted',
      advice: 'It is wrong, has expired, or was made for another stream. The server prints a publish address when it starts, and “millrace sign live/mine” makes a new one.',
      passing: false,
    },
    unknown_domain: {
      title: 'This host name is not an ingest domain',
      advice: 'Open this page by the name, or the IP address, that streams are published to.',
      passing: false,
    },
    mode: { title: 'Not in this latency mode', advice: 'The domain does not take streams this way.', passing: false },
    codec: {
      title: 'The server cannot use what this browser encodes',
      advice: 'It takes H264 and Opus. Chrome, Edge and Safari encode H264; Firefox does when its OpenH264 plugin is there.',
      passing: false,
    },
  },
  byStatus: {
    400: { title: 'The address is not valid', advice: 'Check the application and the stream name.', passing: false },
    403: {
      title: 'The key is not accepted',
      advice: 'It is wrong, has expired, or was made for another stream. Ask for a new publish address.',
      passing: false,
    },
    404: { title: 'There is nothing to publish to at this address', advice: 'Is it the publish address that the server printed?', passing: false },
    406: {
      title: 'The server cannot use what this browser encodes',
      advice: 'It takes H264 and Opus. Chrome, Edge and Safari encode H264; Firefox does when its OpenH264 plugin is there.',
      passing: false,
    },
    409: {
      title: 'Somebody else publishes this stream',
      advice: 'Stop the other one (another tab, OBS?), choose another stream name, or run the server with --take-over always.',
      passing: false,
    },
    501: { title: 'This server takes no streams from browsers', advice: 'It is too old for that, or publishing over WebRTC is off.', passing: false },
    503: { title: 'The server is full', advice: 'It takes no more streams now.', passing: true },
    504: { title: 'The server did not answer in time', advice: 'It may be busy.', passing: true },
  },
};

export const lostServer: Problem = {
  title: 'The connection to the server is lost',
  advice: 'Check the network of this device, and whether Millrace still runs. Viewers wait ten seconds for you.',
  passing: true,
};

/** Where the browser gives no camera: the page came over http:// from another machine. */
export function insecure(at: { hostname: string; port: string; pathname: string }): Problem {
  return {
    title: 'The browser gives camera and screen to secure pages only',
    advice:
      `This one came over http:// from ${at.hostname}. Start the server with --tls and open https://${at.hostname}:8443${at.pathname} ` +
      `(its certificate is its own: accept it once), or open http://localhost${at.port ? `:${at.port}` : ''}${at.pathname} on the server’s machine.`,
    passing: false,
  };
}

/** What was asked for. */
export type Device = 'camera' | 'microphone' | 'camera and microphone' | 'screen';

/** Why there is no picture or no sound, from what getUserMedia and getDisplayMedia throw. */
export function captureProblem(e: unknown, device: Device): Problem {
  const name = e instanceof Error || e instanceof DOMException ? e.name : '';
  switch (name) {
    case 'NotAllowedError':
      if (/system/i.test(String(e))) {
        return {
          title: `This device does not let the browser use the ${device}`,
          advice: 'Allow it for the browser in the privacy settings of the system, then try again.',
          passing: false,
        };
      }
      if (device === 'screen') {
        return { title: 'No screen was chosen', advice: 'Press “Share the screen” again and choose a screen, a window or a tab.', passing: false };
      }
      return {
        title: `The ${device} may not be used`,
        advice: 'Permission was denied. Allow it in the browser: the sign beside the address opens this page’s permissions. Then try again.',
        passing: false,
      };
    case 'NotFoundError':
      return {
        title: `No ${device.replace(' and ', ' or ')} was found`,
        advice: 'Plug one in, or choose something else to publish: the screen needs no device.',
        passing: false,
      };
    case 'NotReadableError':
    case 'AbortError':
      return {
        title: `The ${device} does not start`,
        advice: 'Another program or tab may be using it. Close that, then try again.',
        passing: false,
      };
    case 'OverconstrainedError':
      return { title: 'The chosen device is not there any more', advice: 'Choose another one.', passing: false };
    default:
      return problemOf(e, 'Capturing failed');
  }
}

/** A device or a shared window that went away while it was used. */
export function gone(device: Device): Problem {
  return device === 'screen'
    ? { title: 'Sharing has ended', advice: 'The window was closed, or sharing was stopped in the browser. Share again to go on.', passing: false }
    : { title: `The ${device} is gone`, advice: 'It was unplugged, or the system took it away. Choose one again to go on.', passing: false };
}

