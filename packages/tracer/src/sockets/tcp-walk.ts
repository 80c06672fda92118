/** The TCP connections of a network namespace by a BPF iterator, which takes half of the time that sock_diag takes. */
import { type Btf, type FeatureTable, Kind, features as kernelFeatures, type ProbeResult } from '@weir/ebpf';
import { absent, jiffyNs, known, present } from '@weir/ebpf/sys';
import { offsetsWalkedSocket as at, sizeofWalkedSocket } from '../generated/tcp-walk.js';
import { chooseHook, hookCandidate, hookChoice } from '../hooks/choose-hook.js';
import type { HookChoice } from '../report.js';
import { type DiagSocket, emptyDiagSocket } from './inet-diag.js';
import { LoadedIterator } from './loaded-iterator.js';

/** The bits of enum walked_flag. */
const HAS_COUNTERS = 1 << 0;
const IPV6 = 1 << 1;
const SUBFLOW = 1 << 2;
/** Bytes of both addresses, which follow one another. */
const ADDRESSES_LENGTH = 32;

/**
 * The words of a record that make its key. Where a known connection has the same key again, nothing of it has changed that a reader of
 * live connections shows: the times since payload moved start anew with it alone; other bytes only show the direction.
 */
const KEY_FIELDS = [
  ...[at.cookie, at.cookie + 4, at.inode, at.bytesAcked, at.bytesAcked + 4],
  ...[at.bytesReceived, at.bytesReceived + 4, at.segsOut, at.segsIn, at.totalRetrans, at.rtt],
  ...[at.sendQueue, at.interface, at.state],
] as const;
/** Words of a key. */
export const WALK_KEY_WORDS = KEY_FIELDS.length;
/** Where in a key the cookie is, the lower half first, and the inode. */
export const walkKeyWord = { cookie: 0, inode: 2 } as const;

/** Whether a socket is known, and as it was at the last walk. The key is the same object each time. */
export type IsUnchanged = (key: Uint32Array) => boolean;

/** Walks over TCP connections; replaced in tests. */
export interface TcpWalk extends Disposable {
  /**
   * Hands each connection of a network namespace, in which the calling thread is, to `onSocket`; the object is the same each time.
   *
   * @param isUnchanged Asked before: connections that are as they were are not handed over.
   * @returns cookies of the subflows of MPTCP that it left out, since only sock_diag shows to which connection they belong.
   * @throws SyscallError
   */
  read(netns: number, onSocket: (socket: DiagSocket) => void, isUnchanged?: IsUnchanged): ReadonlySet<number>;
}

/** The iterator over TCP sockets. Needs the types of the kernel itself, and a helper of Linux 5.12. */
export class TcpIterator implements TcpWalk {
  readonly #iterator: LoadedIterator;
  readonly #socket = emptyDiagSocket();
  readonly #key = new Uint32Array(WALK_KEY_WORDS);
  readonly #jiffyMs = jiffyNs() / 1e6;

  /** undefined where the kernel refuses it. */
  static open(btf: Btf, features?: FeatureTable): TcpIterator | undefined {
    if (btf.find('bpf_iter__tcp', Kind.struct) === undefined) return undefined;
    const iterator = LoadedIterator.open({ object: 'tcp-walk.bpf.o', program: 'tcp_walk', btf, features });
    return iterator && new TcpIterator(iterator);
  }

  private constructor(iterator: LoadedIterator) {
    this.#iterator = iterator;
  }

  read(
    netns: number,
    onSocket: (socket: DiagSocket) => void,
    isUnchanged: IsUnchanged = () => false,
  ): ReadonlySet<number> {
    const socket = this.#socket;
    const key = this.#key;
    socket.netns = netns;
    const subflows = new Set<number>();
    this.#iterator.link.forEachRecord(sizeofWalkedSocket, (view, offset) => {
      const isSubflow = (view.getUint8(offset + at.flags) & SUBFLOW) !== 0;
      // A subflow that is as it was says nothing of the others of its connection.
      if (!isSubflow) {
        readKey(view, offset, key);
        if (isUnchanged(key)) return;
      }
      readWalked(view, offset, this.#jiffyMs, socket);
      if (isSubflow) subflows.add(socket.cookie);
      else onSocket(socket);
    });
    return subflows;
  }

  [Symbol.dispose](): void {
    this.#iterator[Symbol.dispose]();
  }
}

function readKey(view: DataView, offset: number, key: Uint32Array): void {
  for (let word = 0; word < WALK_KEY_WORDS; word++)
    key[word] = view.getUint32(offset + KEY_FIELDS[word]!, true);
}

function readWalked(view: DataView, offset: number, jiffyMs: number, socket: DiagSocket): void {
  const flags = view.getUint8(offset + at.flags);
  const { addresses, info } = socket;
  socket.state = view.getUint8(offset + at.state);
  socket.localPort = view.getUint16(offset + at.localPort, true);
  socket.peerPort = view.getUint16(offset + at.peerPort, true);
  for (let word = 0; word < ADDRESSES_LENGTH; word += 4)
    addresses.setUint32(word, view.getUint32(offset + at.localAddress + word));
  socket.interfaceIndex = view.getUint32(offset + at.interface, true);
  socket.ipv6 = (flags & IPV6) !== 0;
  socket.cookie = readU64(view, offset + at.cookie);
  socket.inode = view.getUint32(offset + at.inode, true);
  socket.uid = view.getUint32(offset + at.uid, true);
  socket.hasInfo = (flags & HAS_COUNTERS) !== 0;
  socket.sendQueue = 0;
  if (!socket.hasInfo) return;
  socket.sendQueue = view.getUint32(offset + at.sendQueue, true);
  info.state = socket.state;
  info.bytesAcked = readU64(view, offset + at.bytesAcked);
  info.bytesReceived = readU64(view, offset + at.bytesReceived);
  info.bytesSent = readU64(view, offset + at.bytesSent);
  info.bytesRetransmitted = readU64(view, offset + at.bytesRetrans);
  info.segmentsSent = view.getUint32(offset + at.segsOut, true);
  info.segmentsReceived = view.getUint32(offset + at.segsIn, true);
  info.retransmits = view.getUint32(offset + at.totalRetrans, true);
  info.srttUs = view.getUint32(offset + at.rtt, true);
  info.sinceSentMs = Math.trunc(view.getUint32(offset + at.sinceSent, true) * jiffyMs);
  info.sinceReceivedMs = Math.trunc(view.getUint32(offset + at.sinceReceived, true) * jiffyMs);
}

/** Below 2^53, as all counters of a connection are. */
function readU64(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 4_294_967_296;
}

/** What reads the counters of live connections, for the report. */
export function describeTcpWalk(btf: Btf, features: FeatureTable = kernelFeatures): HookChoice {
  const candidates = [
    hookCandidate('iterator:tcp', probeTcpIterator(btf, features), {
      present: 'the kernel has an iterator over TCP sockets',
      absent:
        'there is no BPF iterator over TCP sockets that reports their cookies (Linux 5.12 and later, with its types)',
    }),
    hookCandidate('sock_diag', present, { present: 'any kernel lists its sockets', absent: '' }),
  ];
  return hookChoice(
    'figures of live connections',
    candidates,
    chooseHook(candidates),
    'reading the figures of very many connections takes twice the time',
  );
}

function probeTcpIterator(btf: Btf, features: FeatureTable): ProbeResult {
  const iterators = features.probe('iterators');
  if (iterators.state !== 'present') return iterators;
  const iterator = TcpIterator.open(btf, features);
  iterator?.[Symbol.dispose]();
  return iterator === undefined ? absent : known(true);
}
