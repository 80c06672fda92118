/** Damages files in ways that parsers get wrong: reproducibly, from a source of randomness. */

/** Numbers at which checks of offsets, sizes and counts tip over. */
const telling = [
  0n,
  1n,
  2n,
  7n,
  8n,
  0x7fn,
  0xffn,
  0x7fffn,
  0xffffn,
  0x1_0000n,
  0xff_ffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x1_0000_0000n,
  0x1f_ffff_ffff_ffffn,
  0x20_0000_0000_0001n,
  0x7fff_ffff_ffff_ffffn,
  0xffff_ffff_ffff_ffffn,
];

const sectionHeaderSize = 64;
/** Offsets and sizes of a section header's fields. */
const sectionFields: readonly (readonly [offset: number, size: 4 | 8])[] = [
  [0, 4],
  [4, 4],
  [8, 8],
  [24, 8],
  [32, 8],
  [40, 4],
  [44, 4],
  [56, 8],
];

export type Random = () => number;

const below = (random: Random, limit: number) => Math.floor(random() * limit);

function pick<T>(random: Random, list: readonly T[]): T {
  return list[below(random, list.length)]!;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Sets a number that has 1, 2, 4 or 8 bytes to one near a limit, near the file's size, near itself, or to any. */
function setNumber(random: Random, bytes: Uint8Array, offset: number, size: number): void {
  if (offset < 0 || offset + size > bytes.length) return;
  const view = viewOf(bytes);
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(view.getUint8(offset + i));
  switch (below(random, 4)) {
    case 0:
      value = pick(random, telling);
      break;
    case 1:
      value += BigInt(below(random, 65) - 32);
      break;
    case 2:
      value = BigInt(bytes.length + below(random, 17) - 8);
      break;
    default:
      value = BigInt(below(random, 2 ** 32));
  }
  value = BigInt.asUintN(8 * size, value);
  for (let i = 0; i < size; i++) view.setUint8(offset + i, Number((value >> BigInt(8 * i)) & 0xffn));
}

/** Any blob: bytes changed, cut short, parts moved, numbers made extreme. */
export function mutateBlob(random: Random, original: Uint8Array): Uint8Array {
  const bytes = original.slice();
  for (let rounds = 1 + below(random, 3); rounds > 0; rounds--) {
    switch (below(random, 6)) {
      case 0:
        return bytes.slice(0, below(random, bytes.length + 1));
      case 1:
        bytes[below(random, bytes.length)] = below(random, 256);
        break;
      case 2:
        bytes[below(random, bytes.length)]! ^= 1 << below(random, 8);
        break;
      case 3: {
        const length = 1 + below(random, 64);
        const from = below(random, Math.max(1, bytes.length - length));
        bytes.copyWithin(below(random, bytes.length), from, from + length);
        break;
      }
      default:
        setNumber(random, bytes, 4 * below(random, bytes.length / 4), 4);
    }
  }
  return bytes;
}

/** Where a section lies in a file. */
export interface Extent {
  readonly offset: number;
  readonly size: number;
}

/** An ELF file: all that {@link mutateBlob} does, aimed at section headers and at the given sections' numbers. */
export function mutateElf(random: Random, original: Uint8Array, sections: readonly Extent[]): Uint8Array {
  const headers = Number(viewOf(original).getBigUint64(40, true));
  const count = viewOf(original).getUint16(60, true);
  const bytes = original.slice();
  const header = () => headers + below(random, count) * sectionHeaderSize;
  switch (below(random, 6)) {
    case 0:
      return mutateBlob(random, original);
    case 1: {
      const [offset, size] = pick(random, sectionFields);
      setNumber(random, bytes, header() + offset, size);
      return bytes;
    }
    case 2: {
      const [offset, size] = pick(random, sectionFields);
      swap(bytes, header() + offset, header() + offset, size);
      return bytes;
    }
    case 3:
      swap(bytes, header(), header(), sectionHeaderSize);
      return bytes;
    default: {
      const { offset, size } = pick(random, sections);
      bytes.set(mutateBlob(random, bytes.slice(offset, offset + size)), offset);
      return bytes;
    }
  }
}

function swap(bytes: Uint8Array, a: number, b: number, size: number): void {
  const saved = bytes.slice(a, a + size);
  bytes.copyWithin(a, b, b + size);
  bytes.set(saved, b);
}
