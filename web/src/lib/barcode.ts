// The time in a picture, as a barcode. The twin of internal/demo/barcode.go:
// two rows of twenty cells, read row by row, bright is 1, the second row is
// drawn inverted; 32 bits of stamp and their CRC-8, highest bit first.

export const columns = 20;
export const rows = 2;
const cellCount = columns * rows;

/** Where the barcode is, in parts of the picture's width and height. */
export const place = { x: 160 / 640, y: 320 / 360, w: 320 / 640, h: 32 / 360 };

const clockModulus = 2 ** 31;

/** What a barcode says: milliseconds since the Unix epoch, modulo `modulus`. */
export interface Stamp {
  kind: 'clock' | 'loop';
  at: number;
  modulus: number;
}

/** The stamp of a running clock at `ms` since the Unix epoch, as 32 bits. */
export function clockStamp(ms: number): number {
  return clockModulus + (Math.floor(ms) % clockModulus);
}

export function parseStamp(bits: number): Stamp {
  if (bits >= clockModulus) return { kind: 'clock', at: bits - clockModulus, modulus: clockModulus };
  return { kind: 'loop', at: bits & 0xffffff, modulus: (bits >>> 24) * 1000 };
}

/**
 * How many milliseconds before `now` the stamp was drawn, as far as it can
 * tell: delays that differ by the modulus look alike. A little below zero when
 * clocks disagree.
 */
export function delayOf(stamp: Stamp, now: number): number {
  const m = stamp.modulus;
  if (m === 0) return 0;
  const d = (((now - stamp.at) % m) + m) % m;
  return d >= m - m / 8 ? d - m : d;
}

/** What to draw: true is bright. */
export function cellsOf(stamp: number): boolean[] {
  const check = crc8(stamp);
  return Array.from({ length: cellCount }, (_, i) => {
    const bit = i < 32 ? (stamp >>> (31 - i)) & 1 : (check >>> (39 - i)) & 1;
    return (bit === 1) !== i >= columns;
  });
}

/** The 32 bits in the cells, or undefined when the checksum does not match. */
export function readCells(cells: readonly boolean[]): number | undefined {
  let stamp = 0;
  let check = 0;
  for (let i = 0; i < cellCount; i++) {
    const bit = cells[i] !== i >= columns ? 1 : 0;
    if (i < 32) stamp = stamp * 2 + bit;
    else check = check * 2 + bit;
  }
  return crc8(stamp) === check ? stamp : undefined;
}

/** Brightness of each cell to bits; undefined when there is no barcode. */
export function readLevels(levels: ArrayLike<number>): number | undefined {
  let low = 255;
  let high = 0;
  for (let i = 0; i < cellCount; i++) {
    low = Math.min(low, levels[i] ?? 0);
    high = Math.max(high, levels[i] ?? 0);
  }
  if (high - low < 60) return undefined;
  const middle = (low + high) / 2;
  return readCells(Array.from({ length: cellCount }, (_, i) => (levels[i] ?? 0) > middle));
}

/** CRC-8/SMBUS over the four bytes, big endian: polynomial 7, from 0. */
function crc8(stamp: number): number {
  let c = 0;
  for (let shift = 24; shift >= 0; shift -= 8) {
    c ^= (stamp >>> shift) & 0xff;
    for (let i = 0; i < 8; i++) c = c & 0x80 ? ((c << 1) ^ 7) & 0xff : c << 1;
  }
  return c;
}

/** Reads barcodes from a playing video. */
export class BarcodeReader {
  // Four pixels per cell each way: the middle four are its brightness.
  private readonly scale = 4;
  private readonly context: CanvasRenderingContext2D | null;
  private readonly levels = new Uint8Array(cellCount);

  constructor() {
    const canvas = document.createElement('canvas');
    canvas.width = columns * this.scale;
    canvas.height = rows * this.scale;
    this.context = canvas.getContext('2d', { willReadFrequently: true, alpha: false });
  }

  /** The stamp in the picture that the video shows now, if there is one. */
  read(video: HTMLVideoElement): Stamp | undefined {
    const { videoWidth: w, videoHeight: h } = video;
    const c = this.context;
    if (!c || w === 0 || h === 0) return undefined;
    const { width, height } = c.canvas;
    c.drawImage(video, place.x * w, place.y * h, place.w * w, place.h * h, 0, 0, width, height);
    const pixels = c.getImageData(0, 0, width, height).data;
    for (let i = 0; i < cellCount; i++) {
      const x = (i % columns) * this.scale + 1;
      const y = Math.floor(i / columns) * this.scale + 1;
      let sum = 0;
      for (const at of [y * width + x, y * width + x + 1, (y + 1) * width + x, (y + 1) * width + x + 1]) {
        sum += pixels[at * 4 + 1] ?? 0; // green stands for brightness
      }
      this.levels[i] = sum / 4;
    }
    const bits = readLevels(this.levels);
    return bits === undefined ? undefined : parseStamp(bits);
  }
}

/** Draws a barcode where a reader of the whole picture looks for it. */
export function drawBarcode(c: CanvasRenderingContext2D, w: number, h: number, stamp: number): void {
  const left = Math.round(place.x * w);
  const top = Math.round(place.y * h);
  const cw = (place.w * w) / columns;
  const ch = (place.h * h) / rows;
  const rim = Math.round(cw * 0.4);
  c.fillStyle = '#000';
  c.fillRect(left - rim, top - rim, Math.round(cw * columns) + 2 * rim, Math.round(ch * rows) + 2 * rim);
  c.fillStyle = '#fff';
  cellsOf(stamp).forEach((bright, i) => {
    if (!bright) return;
    const x = Math.round((i % columns) * cw);
    const y = Math.round(Math.floor(i / columns) * ch);
    c.fillRect(left + x, top + y, Math.round(((i % columns) + 1) * cw) - x, Math.round((Math.floor(i / columns) + 1) * ch) - y);
  });
}
