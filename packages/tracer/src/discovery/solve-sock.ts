/** Solves struct sock: errors and the protocol. Pure. */
import type { Image } from './image.js';
import { type Findings, offsetsWhere, solveKnown } from './search.js';

const STREAM = 1;
const TCP = 6;

/** Needs the offset of inet_sport: whatever belongs to struct sock lies before, and other sockets' memory behind. */
export function solveSock(findings: Findings): void {
  const limit = findings.offset('inet_sport');
  for (const [name, value] of [
    ['sk_err', 'error'],
    ['sk_err_soft', 'softError'],
  ] as const) {
    solveKnown(findings, name, {
      search: { size: 4, limit },
      distinct: 3,
      value: (seen) => seen[value],
      fits: (image, offset, error) => image.u32(offset) === error,
    });
  }
  solveKnown(findings, 'sk_shutdown', {
    search: { size: 1, limit },
    distinct: 3,
    value: ({ shutdown }) => shutdown,
    fits: (image, offset, shutdown) => image.u8(offset) === shutdown,
  });
  solveProtocol(findings, limit);
}

/**
 * The socket's type and protocol are neighbours, always 1 and 6. Since 5.6 they are two u16 (in either order, it changed
 * with 6.9); before, they were bit-fields of one 32-bit word: 8 bits of flags, 8 of protocol, 16 of type.
 */
function solveProtocol(findings: Findings, limit: number | undefined): void {
  if (limit === undefined) {
    findings.miss('sk_protocol', 'without inet_sport it is unknown where struct sock ends');
    return;
  }
  const { images } = findings.observations;
  const search = (size: number, fits: (image: Image, offset: number) => boolean) =>
    offsetsWhere(images, { size, limit }, (seen, offset) => fits(seen.image, offset));
  const found = [
    ...search(4, (image, offset) => image.u8(offset + 1) === TCP && image.u16(offset + 2) === STREAM).map(
      (offset) => ({ offset: offset + 1, size: 1 }),
    ),
    ...pairs(search, STREAM, TCP).map((offset) => ({ offset: offset + 2, size: 2 })),
    ...pairs(search, TCP, STREAM).map((offset) => ({ offset, size: 2 })),
  ];
  const [first] = found;
  if (found.length === 1) findings.add('sk_protocol', first!.offset, 'structure', 1, { size: first!.size });
  else findings.contradict('sk_protocol', found.length);
}

type WordSearch = (size: number, fits: (image: Image, offset: number) => boolean) => number[];

/** Offsets, multiples of 2, of two u16 side by side. */
function pairs(search: WordSearch, first: number, second: number): number[] {
  const firsts = search(2, (image, offset) => image.u16(offset) === first);
  const seconds = new Set(search(2, (image, offset) => image.u16(offset) === second));
  return firsts.filter((offset) => seconds.has(offset + 2));
}
