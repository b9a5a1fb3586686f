import { describe, expect, test } from 'vitest';
import vectors from '../../../internal/demo/testdata/barcode.json';
import { cellsOf, clockStamp, columns, delayOf, parseStamp, readCells, readLevels } from './barcode';

const cellsIn = (rows: string[]) => [...rows.join('')].map((c) => c === '1');

describe('vectors shared with the Go twin', () => {
  test.each(vectors.stamps)('$name', ({ stamp, rows, atMs, modulusMs }) => {
    expect(cellsOf(stamp)).toEqual(cellsIn(rows));
    expect(readCells(cellsIn(rows))).toBe(stamp);
    expect(parseStamp(stamp)).toMatchObject({ at: atMs, modulus: modulusMs });
  });

  test.each(vectors.delays)('delay: $name', ({ stamp, nowMs, delayMs }) => {
    expect(delayOf(parseStamp(stamp), nowMs)).toBe(delayMs);
  });
});

test('a clock stamp is read back as the time', () => {
  const now = 1763640000123.75;
  expect(delayOf(parseStamp(clockStamp(now)), now + 250)).toBeCloseTo(250.75, 5);
});

test('one wrong cell never passes', () => {
  for (const { stamp } of vectors.stamps) {
    for (let i = 0; i < 2 * columns; i++) {
      const cells = cellsOf(stamp);
      cells[i] = !cells[i];
      expect(readCells(cells)).toBeUndefined();
    }
  }
});

test('levels are compared with their own middle', () => {
  const stamp = vectors.stamps[0]!.stamp;
  const dim = cellsOf(stamp).map((bright, i) => (bright ? 150 : 40) + (i % 7));
  expect(readLevels(dim)).toBe(stamp);
  expect(readLevels(dim.map((l) => l / 4))).toBeUndefined();
  expect(readLevels([])).toBeUndefined();
});
