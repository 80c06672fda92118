/** The types of records that maps of ring and perf buffers may declare here: libbpf would hand their size to the kernel, which refuses it. */
import { Kind } from '../../src/btf/types.js';
import { ElfFile } from '../../src/elf/file.js';
import { MapType } from '../../src/uapi/map-types.js';

const buffers: ReadonlySet<number> = new Set([MapType.ringbuf, MapType.perfEventArray, MapType.userRingbuf]);

/** Bytes behind the twelve that each type begins with: fixed ones, and those of each element. */
const fixedBytes: ReadonlyMap<number, number> = new Map([
  [Kind.int, 4],
  [Kind.array, 12],
  [Kind.var, 4],
  [Kind.declTag, 4],
]);
const elementBytes: ReadonlyMap<number, number> = new Map([
  [Kind.struct, 12],
  [Kind.union, 12],
  [Kind.enum, 8],
  [Kind.funcProto, 8],
  [Kind.datasec, 12],
  [Kind.enum64, 12],
]);

/**
 * An object (little-endian) in which the member `value` of such maps has a name that says nothing; libbpf passes over it with relaxed rules
 * (`bpftool --mapcompat`). Undefined if there is none.
 */
export function withoutRecordTypes(object: Uint8Array): Uint8Array | undefined {
  const bytes = Uint8Array.from(object);
  const elf = ElfFile.parse(bytes);
  const section = elf.section('.BTF');
  if (section === undefined) return undefined;
  const btf = elf.data(section);
  const view = new DataView(btf.buffer, btf.byteOffset, btf.byteLength);
  const word = (at: number) => view.getUint32(at, true);
  const header = word(4);
  const strings = header + word(16);
  const name = (at: number) => {
    const begin = strings + word(at);
    return Buffer.from(btf.subarray(begin, btf.indexOf(0, begin))).toString();
  };
  const types = [0];
  for (let at = header + word(8), end = at + word(12); at < end; ) {
    types.push(at);
    const [kind, count] = [view.getUint8(at + 7) & 31, view.getUint16(at + 4, true)];
    at += 12 + (fixedBytes.get(kind) ?? 0) + (elementBytes.get(kind) ?? 0) * count;
  }
  let changed = false;
  for (const at of types.slice(1)) {
    if ((view.getUint8(at + 7) & 31) !== Kind.struct) continue;
    const members = Array.from({ length: view.getUint16(at + 4, true) }, (_, i) => at + 12 + 12 * i);
    const [type, value] = ['type', 'value'].map((wanted) =>
      members.find((member) => name(member) === wanted),
    );
    if (type === undefined || value === undefined) continue;
    // `__uint(type, N)` is a pointer to an array of N elements.
    const pointer = types[word(type + 4)]!;
    if (view.getUint8(pointer + 7) !== Kind.ptr) continue;
    const array = types[word(pointer + 8)]!;
    if (view.getUint8(array + 7) !== Kind.array || !buffers.has(word(array + 20))) continue;
    view.setUint32(value, word(value) + 'val'.length, true);
    changed = true;
  }
  return changed ? bytes : undefined;
}
