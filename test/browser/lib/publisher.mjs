// ffmpeg as a broadcaster: a moving picture and a tone, over RTMP.

import { Program } from './process.mjs';
import { Hopeless, until } from './until.mjs';

const ffmpeg = process.env.FFMPEG ?? 'ffmpeg';

export class Publisher {
  /**
   * Starts to publish to an RTMP URL and waits until frames go out.
   *   size, fps, gop    of the picture, "640x360", 30, 30 frames
   *   profile, bframes  of H264: baseline, 0
   *   bitrate           of the picture, "800k"
   *   audio             encoder arguments; null: no sound
   *   seconds           stop by itself after as long
   *   still             a picture file to show instead of the moving picture
   */
  static async start(url, options = {}) {
    const publisher = new Publisher();
    publisher.program = new Program('ffmpeg', ffmpeg, [...argumentsOf(options), url]);
    try {
      await until('ffmpeg publishes', () => {
        const { status, log } = publisher.program;
        if (status !== undefined) throw new Hopeless(`it has exited with ${status}: ${log.slice(-2000)}`);
        return publisher.frames > 0;
      });
    } catch (error) {
      await publisher.stop();
      throw error;
    }
    return publisher;
  }

  /** How many pictures were sent so far. */
  get frames() {
    return Number(this.program.log.match(/frame=\s*(\d+)/g)?.at(-1)?.replace(/\D/g, '') ?? 0);
  }

  get log() {
    return this.program.log;
  }

  /** Lets ffmpeg say goodbye. */
  async stop() {
    return this.program.stop();
  }

  /** Ends ffmpeg without a goodbye, as when its machine loses power. */
  async kill() {
    this.program.signal('SIGKILL');
    return this.program.exited;
  }
}

function argumentsOf({
  size = '640x360', fps = 30, gop = 30, profile = 'baseline', bframes = 0, bitrate = '800k',
  audio = ['-c:a', 'aac', '-b:a', '96k', '-ac', '2'], seconds, still,
}) {
  return [
    '-hide_banner', '-loglevel', 'warning', '-nostdin', '-progress', 'pipe:1', '-stats_period', '0.2',
    '-re', ...(still ? ['-loop', '1', '-framerate', String(fps), '-i', still] : ['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=${fps}`]),
    ...(audio ? ['-re', '-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000'] : []),
    '-c:v', 'libx264', '-preset', 'ultrafast', ...(bframes ? [] : ['-tune', 'zerolatency']),
    '-profile:v', profile, '-bf', String(bframes), '-pix_fmt', 'yuv420p', '-g', String(gop), '-b:v', bitrate,
    ...(audio ?? []),
    ...(seconds ? ['-t', String(seconds)] : []),
    '-f', 'flv',
  ];
}
