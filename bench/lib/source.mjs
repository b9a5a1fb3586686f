// A broadcaster whose pictures say when they were made: raw frames, with the
// time of writing drawn as a barcode, go into ffmpeg, which publishes over RTMP.

import { setTimeout as pause } from 'node:timers/promises';

import { barcode } from './module.mjs';

const width = 640, height = 360, fps = 30;
const luma = width * height;

/** Pictures between two key frames, and the same in ms. */
const gop = 60;
export const gopMs = gop * 1000 / fps;

/** How ffmpeg is called, but for the address. */
export const encoder = [
  '-c:v', 'libx264', '-preset', 'veryfast', '-tune', 'zerolatency', '-profile:v', 'main', '-pix_fmt', 'yuv420p',
  '-g', String(gop), '-b:v', '1000k', '-c:a', 'aac', '-b:a', '128k', '-f', 'flv',
];

// The sound is not paced by -re: its clock would start at another moment than the
// pictures', and ffmpeg would hold back whatever is ahead.
const input = [
  '-hide_banner', '-loglevel', 'warning',
  '-f', 'rawvideo', '-pixel_format', 'yuv420p', '-video_size', `${width}x${height}`, '-framerate', String(fps), '-i', 'pipe:0',
  '-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000', '-ac', '2',
];

export class Source {
  #stopping = false;
  /** How late each frame was written, ms after its time. */
  late = [];
  /** When the first frame was due, ms since the epoch. */
  began = 0;

  /**
   * Publishes to an RTMP address, or writes to a file, until stop(). `more` are
   * further arguments of the output; `ppm` is by how much its clock runs fast:
   * pictures, and the sound that follows them, come so much more often than they say.
   */
  static async start(lab, url, { more = [], ppm = 0 } = {}) {
    const source = new Source();
    source.rate = fps * (1 + ppm / 1e6);
    source.code = await barcode();
    source.program = lab.start(process.env.FFMPEG ?? 'ffmpeg', [...input, ...encoder, ...more, url], { input: true });
    source.program.child.stdin.on('error', () => {}); // how it ended is in its status
    source.writing = source.#write();
    return lab.keep(source);
  }

  async #write() {
    const frame = canvas();
    const pipe = this.program.child.stdin;
    this.began = Date.now();
    for (let n = 0; !this.#stopping && this.program.status === undefined; n++) {
      const due = this.began + n * 1000 / this.rate;
      while (Date.now() < due) await pause(due - Date.now());
      this.#draw(frame, n);
      this.late.push(Date.now() - due);
      // The next picture waits until ffmpeg has taken this one, so that none is
      // older than its barcode says.
      await Promise.race([this.program.ended, new Promise((resolve) => pipe.write(frame, resolve))]);
    }
    pipe.end();
  }

  /** A box moves over a calm ground; the barcode is drawn last. */
  #draw(frame, n) {
    const { cellsOf, clockStamp, columns, rows, place } = this.code;
    const rim = 6, side = 64, top = 120;
    for (let y = top; y < top + side; y++) {
      for (let x = 0; x < width; x++) frame[y * width + x] = ground(x, y);
      const left = (n * 3) % (width - side);
      frame.fill(170, y * width + left, y * width + left + side);
    }
    const [x0, y0] = [place.x * width, place.y * height];
    const [w, h] = [place.w * width, place.h * height];
    for (let y = y0 - rim; y < Math.min(height, y0 + h + rim); y++) frame.fill(16, y * width + x0 - rim, y * width + x0 + w + rim);
    cellsOf(clockStamp(Date.now())).forEach((bright, i) => {
      if (!bright) return;
      const x = x0 + (i % columns) * w / columns;
      for (let y = 0; y < h / rows; y++) {
        const at = (y0 + Math.floor(i / columns) * h / rows + y) * width + x;
        frame.fill(235, at, at + w / columns);
      }
    });
  }

  async stop() {
    this.#stopping = true;
    await this.writing;
    await this.program.stop();
  }
}

const ground = (x, y) => 60 + ((x >> 3) + (y >> 2)) % 80;

function canvas() {
  const frame = Buffer.alloc(luma * 3 / 2, 128);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) frame[y * width + x] = ground(x, y);
  return frame;
}
