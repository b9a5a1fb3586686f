import { clockStamp, drawBarcode, place } from '../lib/barcode';

const ground = '#0f1a2b';
const ink = '#f2f5f8';
const quiet = '#93a4b8';
const marker = '#ffb454';
const font = 'system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif';

/** What the calibrator says about its own clock. */
export interface Basis {
  text: string;
}

/** Paints the whole picture for the time `ms` since the Unix epoch. */
export function draw(c: CanvasRenderingContext2D, w: number, h: number, ms: number, basis: Basis): void {
  c.fillStyle = ground;
  c.fillRect(0, 0, w, h);
  const t = new Date(ms);
  // Everything is sized by the clock, which fits the window both ways.
  const size = Math.min(w * 0.115, h * 0.22);
  const middle = w / 2;
  const base = place.y * h * 0.5 + size * 0.45; // between the top and the barcode

  c.textAlign = 'center';
  c.textBaseline = 'alphabetic';
  text(c, `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())}`, middle, base - size * 1.15, size * 0.3, 500, quiet);
  clockLine(c, t, middle, base, size);
  bar(c, middle, base + size * 0.4, size * 6.4, Math.max(3, size * 0.07), (ms % 1000) / 1000);
  text(c, basis.text, middle, base + size * 1.0, size * 0.24, 400, quiet);
  drawBarcode(c, w, h, clockStamp(ms));
}

/** The time with milliseconds, each digit in its own cell so that nothing jitters. */
function clockLine(c: CanvasRenderingContext2D, t: Date, middle: number, y: number, size: number): void {
  const line = `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}.${String(t.getMilliseconds()).padStart(3, '0')}`;
  c.font = `600 ${size}px ${font}`;
  const digit = c.measureText('0').width;
  const cell = (ch: string) => (ch === ':' || ch === '.' ? digit * 0.5 : digit);
  let x = middle - [...line].reduce((sum, ch) => sum + cell(ch), 0) / 2;
  c.fillStyle = ink;
  for (const ch of line) {
    c.fillText(ch, x + cell(ch) / 2, y);
    x += cell(ch);
  }
}

/** A bar that fills once a second. */
function bar(c: CanvasRenderingContext2D, middle: number, y: number, width: number, height: number, part: number): void {
  c.fillStyle = '#22324a';
  c.fillRect(middle - width / 2, y, width, height);
  c.fillStyle = marker;
  c.fillRect(middle - width / 2, y, width * part, height);
}

function text(c: CanvasRenderingContext2D, s: string, x: number, y: number, size: number, weight: number, colour: string): void {
  c.font = `${weight} ${size}px ${font}`;
  c.fillStyle = colour;
  c.fillText(s, x, y, c.canvas.width * 0.94);
}

const two = (n: number) => String(n).padStart(2, '0');
