/** UDP flows of this host: counted in the kernel, collected from time to time. */

import {
  type BpfMap,
  type Btf,
  type FeatureTable,
  indexKey,
  kernelAtLeast,
  OptionError,
  type PerCpuMap,
} from '@weir/ebpf';
import { AddressFormatter } from '@weir/ebpf/address';
import { monotonicNs } from '@weir/ebpf/sys';
import { Direction } from '../generated/tcp.js';
import {
  offsetsTuple,
  offsetsUdpKey,
  readUdpFlow,
  readUdpKey,
  readUdpSocketId,
  readUdpStatistics,
  readUdpUser,
  sizeofUdpFlow,
  sizeofUdpKey,
  sizeofUdpStatistics,
  type UdpSocketId,
} from '../generated/udp.js';
import { InterfaceNames } from './interface-names.js';
import type { UdpFlow } from './udp-flow.js';
import type { UdpMechanism } from './udp-plan.js';
import { UdpPrograms } from './udp-programs.js';

export interface UdpCounterOptions {
  /** From planUdp(). */
  readonly mechanism: UdpMechanism;
  /** Types of the running kernel. */
  readonly btf: Btf;
  readonly features?: FeatureTable;
  /** How many flows, and as many sockets, can be followed between two collections. Default 65,536. */
  readonly maxFlows?: number;
  /** A flow without datagrams for so long has ended. Milliseconds; default 30,000. */
  readonly idleMs?: number;
}

/** A flow that has ended, with its final figures. */
export interface UdpFlowEnd {
  readonly flow: UdpFlow;
  /** `local`: the socket was closed. */
  readonly closed_by: 'local' | 'idle';
  readonly ended_ns: number;
}

export interface UdpCollection {
  readonly live: readonly UdpFlow[];
  readonly ended: readonly UdpFlowEnd[];
  /** Traffic since the start that was not counted because a table was full. */
  readonly lost: { readonly datagrams: number; readonly bytes: number };
}

/** Finds the network namespace and process of a socket of which the kernel programs know only the cookie. */
export type FindSocket = (
  cookie: number,
) => { readonly netns: number; readonly process?: UdpFlow['process'] | undefined } | undefined;

type DecodedFlow = ReturnType<typeof readUdpFlow>;
type FlowProcess = Pick<DecodedFlow['process'], 'pid' | 'cgroupId'> & {
  readonly comm: string | undefined;
  readonly uid: number | undefined;
};

type SocketsByCookie = Map<number, NonNullable<ReturnType<FindSocket>>>;

const localAddressAt = offsetsUdpKey.tuple + offsetsTuple.localAddress;
const peerAddressAt = offsetsUdpKey.tuple + offsetsTuple.peerAddress;

/**
 * Counts UDP from its construction until it is disposed of. A flow begins with the first datagram after the start. Payload
 * bytes are counted; for a truncated datagram, the bytes that were delivered.
 */
export class UdpCounter implements Disposable {
  readonly #programs: UdpPrograms;
  readonly #flows: BpfMap;
  readonly #closed: BpfMap;
  /** The last process of flows that more than one had; undefined where packets do not show it. */
  readonly #users: BpfMap | undefined;
  readonly #statistics: PerCpuMap;
  readonly #idleNs: number;
  readonly #addresses = new AddressFormatter();
  readonly #interfaces = new InterfaceNames();
  /** Sockets found so far, by cookie: after their close they cannot be found any more. */
  #found: SocketsByCookie = new Map();
  /** BPF_MAP_LOOKUP_AND_DELETE_ELEM on hashes. */
  readonly #takes = kernelAtLeast('5.14');

  /** @throws VerifierError, SyscallError; OptionError for a size that makes no sense. */
  constructor(options: UdpCounterOptions) {
    const { maxFlows = 65_536, idleMs = 30_000, ...rest } = options;
    if (!Number.isInteger(maxFlows) || maxFlows < 1 || maxFlows > 2 ** 24) {
      throw new OptionError(`${maxFlows} is no number of flows: expected 1 to 16777216`);
    }
    this.#idleNs = idleMs * 1e6;
    this.#programs = new UdpPrograms({ ...rest, maxFlows });
    const { collection } = this.#programs;
    this.#flows = collection.map('udp_flows');
    this.#closed = collection.map('udp_closed');
    this.#users = options.mechanism === 'cgroup' ? undefined : collection.map('udp_users');
    this.#statistics = collection.map('udp_statistics') as PerCpuMap;
  }

  /** Whether a flow names the process that last sent or received, and not the one that made the socket. */
  get namesUsers(): boolean {
    return this.#users !== undefined;
  }

  /** Program runs that the kernel skipped: datagrams that may not have been counted. */
  get missedRuns(): number {
    return this.#programs.missedRuns;
  }

  /** Stops counting. Counts so far can still be collected. */
  detach(): void {
    this.#programs.detach();
  }

  /**
   * All flows: those that live, and those that ended since the last time, which are forgotten now.
   *
   * @param findSocket For flows whose network namespace or process the kernel programs do not know.
   */
  collect(findSocket?: FindSocket): UdpCollection {
    // Read before the flows: of these sockets, there will be no datagram that is not counted yet.
    const closed = this.#readClosed();
    const nowNs = Number(monotonicNs());
    const found: SocketsByCookie = new Map();
    const find: FindSocket = (cookie) => {
      const socket = findSocket?.(cookie) ?? this.#found.get(cookie);
      if (socket !== undefined) found.set(cookie, socket);
      return socket;
    };
    const live: UdpFlow[] = [];
    const ended: UdpFlowEnd[] = [];
    const over: { readonly key: Uint8Array; readonly closedNs: number | undefined }[] = [];
    for (const { keys, values, count } of this.#flows.lookupBatch(4096)) {
      const keyView = new DataView(keys.buffer, keys.byteOffset, keys.byteLength);
      const valueView = new DataView(values.buffer, values.byteOffset, values.byteLength);
      for (let index = 0; index < count; index++) {
        const at = index * sizeofUdpKey;
        const flow = this.#decode(keyView, at, valueView, index * sizeofUdpFlow, find);
        const closedNs = closed.get(socketName(readUdpSocketId(keyView, at)));
        const isIdle = nowNs - flow.active_ns >= this.#idleNs;
        if (closedNs === undefined && !isIdle) live.push(flow);
        else over.push({ key: keys.slice(at, at + sizeofUdpKey), closedNs });
      }
    }
    for (const { key, closedNs } of over) {
      // A datagram may have come since the flow was found idle: what counts is what is there when it is removed.
      const value = this.#take(key);
      if (value === undefined) continue;
      const flow = this.#decode(viewOf(key), 0, viewOf(value), 0, find);
      this.#users?.delete(key);
      ended.push({
        flow,
        closed_by: closedNs === undefined ? 'idle' : 'local',
        ended_ns: closedNs ?? flow.active_ns,
      });
    }
    this.#found = found;
    return { live, ended, lost: this.#readLost() };
  }

  [Symbol.dispose](): void {
    this.#programs[Symbol.dispose]();
  }

  #readClosed(): Map<string, number> {
    const closed = new Map<string, number>();
    for (const { keys, values, count } of this.#closed.takeBatch(4096)) {
      const keyView = viewOf(keys);
      const valueView = viewOf(values);
      for (let index = 0; index < count; index++) {
        const name = socketName(readUdpSocketId(keyView, index * this.#closed.keySize));
        closed.set(name, Number(valueView.getBigUint64(index * 8, true)));
      }
    }
    return closed;
  }

  #readLost(): UdpCollection['lost'] {
    let datagrams = 0;
    let bytes = 0;
    for (const value of this.#statistics.lookupValues(indexKey(0)) ?? []) {
      const own = readUdpStatistics(new DataView(value.buffer, value.byteOffset, sizeofUdpStatistics), 0);
      datagrams += own.lostDatagrams;
      bytes += own.lostBytes;
    }
    return { datagrams, bytes };
  }

  #take(key: Uint8Array): Uint8Array | undefined {
    if (this.#takes) return this.#flows.lookupAndDelete(key);
    const value = this.#flows.lookup(key);
    this.#flows.delete(key);
    return value;
  }

  /** The process of the last datagram, and since when it is that one. */
  #owner(
    keys: DataView,
    keyAt: number,
    value: DecodedFlow,
  ): { readonly process: FlowProcess; readonly ns: number } {
    const { process, user, firstNs } = value;
    if (user === process.pid || this.#users === undefined) return { process, ns: firstNs };
    const found = this.#users?.lookup(keyBytes(keys, keyAt));
    // The kernel keeps only so many; the pid is still known.
    if (found === undefined)
      return { process: { pid: user, uid: undefined, comm: undefined, cgroupId: 0 }, ns: value.lastNs };
    const last = readUdpUser(viewOf(found), 0);
    return { process: last.process, ns: last.ns };
  }

  #decode(keys: DataView, keyAt: number, values: DataView, valueAt: number, findSocket: FindSocket): UdpFlow {
    const { tuple } = readUdpKey(keys, keyAt);
    const value = readUdpFlow(values, valueAt);
    const { process: owner, ns } = this.#owner(keys, keyAt, value);
    const isKnown = tuple.netns !== 0 && owner.pid !== 0;
    const socket = isKnown || value.cookie === 0 ? undefined : findSocket(value.cookie);
    const netns = tuple.netns === 0 ? (socket?.netns ?? 0) : tuple.netns;
    const link = this.#interfaces.name(netns, tuple.interface);
    const process =
      owner.pid === 0
        ? socket?.process
        : {
            pid: owner.pid,
            ...(owner.comm !== undefined && { comm: owner.comm }),
            ...(owner.uid !== undefined && { uid: owner.uid }),
          };
    return {
      flow_id: `${value.firstNs.toString(16).padStart(15, '0')}.${value.cpu}`,
      netns,
      local: { address: this.#addresses.format(keys, keyAt + localAddressAt), port: tuple.localPort },
      peer: { address: this.#addresses.format(keys, keyAt + peerAddressAt), port: tuple.peerPort },
      direction: value.direction === Direction.DIRECTION_OUTBOUND ? 'outbound' : 'inbound',
      ...(process !== undefined && { process }),
      process_ns: ns,
      ...(value.cookie !== 0 && { cookie: value.cookie }),
      ...(tuple.interface !== 0 && { interface_index: tuple.interface }),
      ...(link !== undefined && { interface: link }),
      ...(owner.cgroupId !== 0 && { cgroup_id: owner.cgroupId }),
      started_ns: value.firstNs,
      active_ns: value.lastNs,
      bytes_sent: value.bytesSent,
      bytes_received: value.bytesReceived,
      datagrams_sent: value.datagramsSent,
      datagrams_received: value.datagramsReceived,
    };
  }
}

function socketName({ ns, cpu }: UdpSocketId): string {
  return `${ns} ${cpu}`;
}

function keyBytes(keys: DataView, at: number): Uint8Array {
  return new Uint8Array(keys.buffer, keys.byteOffset + at, sizeofUdpKey);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
