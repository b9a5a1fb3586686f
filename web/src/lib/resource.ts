// A session at a WHIP or WHEP server (RFC 9725): POST makes it, PATCH gives it
// new ICE credentials, DELETE ends it.

import { Failure, refused, unreachable, type Refusal, type Words } from './problem';

const answerTimeout = 10_000;
const fragment = 'application/trickle-ice-sdpfrag';

export class Resource {
  private constructor(
    /** The server's answer, SDP. */
    readonly answer: string,
    private readonly url: string | undefined,
  ) {}

  /** Sends an offer. Throws a Failure, refusals in the given words; or what `signal` was aborted with. */
  static async create(url: string, offer: string, signal: AbortSignal, words?: Words): Promise<Resource> {
    const reply = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp' },
      body: offer,
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerTimeout)]),
    }).catch(() => {
      signal.throwIfAborted();
      throw new Failure(unreachable);
    });
    if (reply.status !== 201) throw new Failure(refused(await refusalIn(reply), words));
    const location = reply.headers.get('Location');
    const made = new Resource(await reply.text(), location ? new URL(location, new URL(url, document.baseURI)).href : undefined);
    if (signal.aborted) void made.leave();
    signal.throwIfAborted();
    return made;
  }

  /** Asks for an ICE restart; returns the server's fragment, undefined when it does not do that. */
  async restart(body: string): Promise<string | undefined> {
    if (!this.url) return undefined;
    const reply = await fetch(this.url, {
      method: 'PATCH',
      headers: { 'Content-Type': fragment, 'If-Match': '*' },
      body,
      signal: AbortSignal.timeout(answerTimeout),
    });
    return reply.status === 200 ? reply.text() : undefined;
  }

  /** Says goodbye, for two seconds at most. Never rejects. */
  async leave(): Promise<void> {
    if (!this.url) return;
    // keepalive: it reaches the server also when the page is being left.
    await fetch(this.url, { method: 'DELETE', keepalive: true, signal: AbortSignal.timeout(2000) })
      .then((reply) => reply.text())
      .catch(() => undefined);
  }
}

/** What the server says about a refusal: problem details (RFC 9457), or its header. */
async function refusalIn(reply: Response): Promise<Refusal> {
  const { status } = reply;
  const header = reply.headers.get('X-Tengine-Error') ?? undefined;
  try {
    const { code, detail } = (await reply.json()) as { code?: unknown; detail?: unknown };
    return {
      status,
      code: typeof code === 'string' ? code : undefined,
      detail: header ?? (typeof detail === 'string' ? detail : undefined),
    };
  } catch {
    return { status, detail: header };
  }
}
