/** Observations from a kernel that does not exist, with every field wherever a test wants it. */

import { type FieldName, knownField, knownFields } from '../../src/discovery/fields.js';
import { Image } from '../../src/discovery/image.js';
import type {
  Counters,
  Observation,
  Observations,
  PointerObservation,
  TaskObservation,
} from '../../src/discovery/observations.js';
import { flagMask } from '../../src/discovery/observations.js';

export type Layout = Readonly<Record<FieldName, number>>;

/** A small generator of reproducible numbers (mulberry32), so that a failure can be repeated. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** 0 to 2^32 - 1. */
  u32(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** 0 to `end` - 1. */
  below(end: number): number {
    return this.u32() % end;
  }
}

/** Neighbours that are found together: the second right behind the first. */
const neighbours: Readonly<Partial<Record<FieldName, FieldName>>> = {
  skc_daddr: 'skc_rcv_saddr',
  skc_dport: 'skc_num',
  skc_v6_daddr: 'skc_v6_rcv_saddr',
};
/** Structs of which images begin with a sock. */
const inSock = ['sock_common', 'sock'];

/** Fields at random places: those of struct sock below 1 KiB, then inet_sport, then those of struct tcp_sock. */
export function randomLayout(random: Random): Layout {
  const layout: Partial<Record<FieldName, number>> = {};
  const taken = new Set<number>();
  const place = (size: number, align: number, from: number, to: number): number => {
    for (;;) {
      const offset = from + random.below((to - from - size) / align) * align;
      const bytes = Array.from({ length: size }, (_, index) => offset + index);
      if (bytes.some((byte) => taken.has(byte))) continue;
      for (const byte of bytes) taken.add(byte);
      return offset;
    }
  };
  const behind = new Set(Object.values(neighbours));
  for (const { field, struct, size } of knownFields) {
    if (behind.has(field) || field === 'skc_family' || !['inet_sock', 'tcp_sock', ...inSock].includes(struct))
      continue;
    const second = neighbours[field];
    // The family follows the ports, and the type the protocol.
    const extra = field === 'skc_dport' || field === 'sk_protocol' ? 2 : 0;
    const room = (second === undefined ? size : 2 * size) + extra;
    const [from, to] = inSock.includes(struct)
      ? [0, 1000]
      : struct === 'inet_sock'
        ? [1000, 1104]
        : [1104, 2400];
    const offset = place(room, Math.min(size, 8), from, to);
    layout[field] = offset;
    if (second !== undefined) layout[second] = offset + size;
    if (field === 'skc_dport') layout.skc_family = offset + 4;
  }
  for (const field of ['inum', 'sk', 'file', 'private_data'] as const)
    layout[field] = field === 'file' ? 8 + 8 * random.below(4) : 64 + 8 * random.below(20);
  layout.flags = 500 + 4 * random.below(100);
  layout.pid = 1000 + 4 * random.below(100);
  layout.tgid = layout.pid + 4;
  layout.group_leader = 2000 + 8 * random.below(100);
  layout.comm = 4000 + random.below(1000);
  return layout as Layout;
}

const sizes = { image: 4096, copy: 512, task: 8192 };
const base = 0xffff_8881_0000_0000n;

/** A kernel of a given layout. */
export class SyntheticKernel {
  readonly layout: Layout;
  readonly images: Observation[] = [];
  readonly pointers: PointerObservation[] = [];
  readonly tasks: TaskObservation[] = [];
  readonly taskCopies = new Map<bigint, Image>();
  readonly #random: Random;

  constructor(layout: Layout, random: Random) {
    this.layout = layout;
    this.#random = random;
    for (let socket = 0; socket < 6; socket++) this.#addSocket(socket);
    for (const inode of [4_026_531_840, 4_026_532_300]) this.#addPointers(inode);
    this.#addTasks();
  }

  get observations(): Observations {
    return this;
  }

  /** Changes bytes of every image, for twins and hostile near-misses. */
  spoil(change: (view: DataView, seen: Observation, index: number) => void): void {
    this.images.forEach((seen, index) => {
      change(new DataView(seen.image.bytes.buffer), seen, index);
    });
  }

  #addSocket(index: number): void {
    const random = this.#random;
    const family = index < 4 ? 2 : 10;
    const port = () => 20_000 + random.below(40_000);
    for (const state of [7, 10, 2, 1]) {
      const flags = (BigInt(random.u32()) | BigInt(index)) & flagMask;
      const local = random.u32();
      const start = random.u32();
      const common = { state, family, localPort: port(), peerPort: port(), flags, fresh: true };
      const errors = { error: [0, 111, 104][random.below(3)]!, softError: [0, 113, 101][random.below(3)]! };
      const boundDevice = random.below(5);
      const shutdown = random.below(3);
      const unsent = random.below(1000);
      // Only while nothing is in flight, counters are known, and both sequence numbers the same.
      const quiet = state !== 2;
      const sndNxt = (start - unsent) >>> 0;
      const sndUna = quiet ? sndNxt : (sndNxt - 1 - random.below(1000)) >>> 0;
      const unacked = (start - sndUna) >>> 0;
      const sequences = { writeSeq: start, sndUna, sndNxt, unsent, unacked, rcvNxt: random.u32() };
      const addresses =
        family === 2
          ? { localAddress: local, peerAddress: random.u32() }
          : { localAddress6: this.#bytes(16), peerAddress6: this.#bytes(16) };
      const image = new Image(base + BigInt(index * 8192), this.#bytes(sizes.image), Array(16).fill(true));
      const counters = quiet ? { counters: this.#counters(index) } : {};
      const seen: Observation = {
        image,
        boundDevice,
        shutdown,
        ...common,
        ...errors,
        ...sequences,
        ...addresses,
        ...counters,
      };
      this.#write(seen);
      this.images.push(seen);
    }
  }

  #counters(index: number): Counters {
    const random = this.#random;
    const big = () => BigInt(random.below(100_000) + 10);
    const small = () => random.below(60) + index;
    return {
      rttUs: random.below(5000),
      totalRetrans: random.below(6),
      segsIn: small(),
      segsOut: small(),
      bytesAcked: big(),
      bytesReceived: big(),
      bytesSent: big(),
      bytesRetrans: big(),
    };
  }

  #bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#random.below(256));
  }

  #write(seen: Observation): void {
    const { layout } = this;
    const view = new DataView(seen.image.bytes.buffer);
    const { counters } = seen;
    if (seen.peerAddress !== undefined) view.setUint32(layout.skc_daddr, seen.peerAddress);
    if (seen.localAddress !== undefined) view.setUint32(layout.skc_rcv_saddr, seen.localAddress);
    if (seen.peerAddress6) seen.image.bytes.set(seen.peerAddress6, layout.skc_v6_daddr);
    if (seen.localAddress6) seen.image.bytes.set(seen.localAddress6, layout.skc_v6_rcv_saddr);
    view.setUint16(layout.skc_dport, seen.peerPort!);
    view.setUint16(layout.skc_num, seen.localPort!, true);
    view.setUint16(layout.inet_sport, seen.localPort!);
    view.setUint16(layout.skc_family, seen.family, true);
    view.setUint8(layout.skc_state, seen.state);
    view.setUint8(layout.sk_shutdown, seen.shutdown!);
    view.setBigUint64(layout.skc_flags, seen.flags! | (1n << 9n), true);
    view.setUint16(layout.sk_protocol, 6, true);
    view.setUint16(layout.sk_protocol + 2, 1, true);
    const words: [FieldName, number][] = [
      ['skc_bound_dev_if', seen.boundDevice!],
      ['sk_err', seen.error!],
      ['sk_err_soft', seen.softError!],
      ['write_seq', seen.writeSeq!],
      ['snd_una', seen.sndUna!],
      ['snd_nxt', seen.sndNxt!],
      ['rcv_nxt', seen.rcvNxt!],
    ];
    for (const [field, value] of words) view.setUint32(layout[field], value, true);
    if (counters !== undefined) this.#writeCounters(view, counters);
  }

  #writeCounters(view: DataView, counters: Counters): void {
    const { layout } = this;
    const words: [FieldName, number][] = [
      ['segs_in', counters.segsIn],
      ['segs_out', counters.segsOut],
      ['total_retrans', counters.totalRetrans],
      ['srtt_us', counters.rttUs * 8 + this.#random.below(8)],
    ];
    for (const [field, value] of words) view.setUint32(layout[field], value, true);
    view.setBigUint64(layout.bytes_acked, counters.bytesAcked, true);
    view.setBigUint64(layout.bytes_received, counters.bytesReceived, true);
    view.setBigUint64(layout.bytes_sent, counters.bytesSent!, true);
    view.setBigUint64(layout.bytes_retrans, counters.bytesRetrans!, true);
  }

  /** A process's own task under two names, and that of another thread, which points to it. */
  #addTasks(): void {
    const { layout } = this;
    const [tgid, other] = [4321, 4330];
    const leader = base + 0x900_0000n;
    const shared = leader + 0x9_0000n;
    for (const [pid, name] of [
      [tgid, 'first name'],
      [tgid, 'second'],
      [other, 'a thread of the'],
    ] as const) {
      const address = pid === tgid ? leader : leader + 0x1_0000n;
      const image = new Image(address, this.#bytes(sizes.task), Array(32).fill(true));
      const view = new DataView(image.bytes.buffer);
      const comm = Buffer.from(name);
      const flags = 0x40_0000 + this.tasks.length;
      view.setUint32(layout.flags, flags, true);
      view.setUint32(layout.pid, pid, true);
      view.setUint32(layout.tgid, tgid, true);
      image.bytes.set([...comm, 0], layout.comm);
      view.setBigUint64(layout.group_leader, leader, true);
      // What they share besides, such as their memory, and a pointer to the leader from its own task only.
      view.setBigUint64(layout.group_leader + 800, shared, true);
      if (pid === tgid) view.setBigUint64(layout.group_leader + 808, leader, true);
      this.tasks.push({ image, pid, tgid, comm, flags });
    }
    const own = this.tasks[0]!.image;
    const copy = (address: bigint, bytes: Uint8Array) =>
      this.taskCopies.set(address, new Image(address, bytes, [true, true]));
    for (const offset of [layout.group_leader, layout.pid])
      copy(leader + BigInt(offset), own.bytes.slice(offset, offset + sizes.copy));
    for (const offset of [layout.group_leader + 800, layout.pid])
      copy(shared + BigInt(offset), this.#bytes(sizes.copy));
  }

  #addPointers(netns: number): void {
    const { layout } = this;
    const at = (object: number) =>
      base + 0x100_0000n + BigInt(netns % 1000) * 0x1_0000n + BigInt(object * 0x2000);
    const [sock, net, socket, file] = [at(0), at(1), at(2), at(3)] as const;
    const image = new Image(sock, this.#bytes(sizes.image), Array(16).fill(true));
    const copy = (address: bigint) => new Image(address, this.#bytes(sizes.copy), [true, true]);
    const copies = new Map([net, socket, file].map((address) => [address, copy(address)]));
    const view = (of: Image) => new DataView(of.bytes.buffer);
    view(image).setBigUint64(layout.skc_net, net, true);
    view(image).setBigUint64(layout.sk_socket, socket, true);
    view(copies.get(net)!).setUint32(layout.inum, netns, true);
    view(copies.get(socket)!).setBigUint64(layout.sk, sock, true);
    view(copies.get(socket)!).setBigUint64(layout.file, file, true);
    view(copies.get(file)!).setBigUint64(layout.private_data, socket, true);
    this.pointers.push({ image, copies, netns });
  }
}

/** The fields that a solver should find. */
export function expectedFields(layout: Layout): Record<string, number> {
  return Object.fromEntries(knownFields.map(({ field }) => [field, layout[knownField(field).field]]));
}
