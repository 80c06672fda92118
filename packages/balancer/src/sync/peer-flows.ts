/** The kernel's side of shared flows: new ones are read, and those of other balancers are put into a table. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type BpfMap, EbpfError, PerfBufferReader } from '@weir/ebpf';
import { formatAddress } from '@weir/ebpf/address';
import { monotonicNs } from '@weir/ebpf/sys';
import { keyAddress, wirePort } from '../address.js';
import { encode } from '../datapath/encode.js';
import type { Flow } from '../datapath/frame.js';
import type { BalancerPrograms } from '../datapath/programs.js';
import type { KnownReal } from '../datapath/real-registry.js';
import type { Tables } from '../datapath/tables.js';
import { rawOf } from '../flows/known-flows.js';
import { emptyFlow, handleMask, type RawFlow, ruleBit, setWords, swapPort } from '../flows/raw-flow.js';
import { ServiceFinder } from '../flows/service-finder.js';
import {
  FlowKind,
  Limit,
  readGlobalFlow,
  readNewFlow,
  readPeerFlow,
  sizeofGlobalFlow,
  sizeofPeerFlow,
  writeGlobalFlow,
  writePeerFlow,
} from '../generated/balancer.js';
import { TICK_NS } from '../limits.js';
import { protocolNumbers } from '../service.js';
import type { SharedFlow } from './sync-message.js';

/** What became of flows of another balancer. */
export interface LearnedFlows {
  readonly applied: number;
  /** No service has their destination. */
  readonly unknownVip: number;
  /** Their real belongs to no such service here. */
  readonly unknownReal: number;
}

/** New flows of one CPU that wait to be read. */
const RING_BYTES = 1 << 20;
const ENTRIES_AT_A_TIME = 512;

export class PeerFlows implements Disposable {
  readonly #programs: BalancerPrograms;
  readonly #tables: Tables;
  readonly #tcpServerIds: boolean;
  readonly #reader: PerfBufferReader;
  #finder: ServiceFinder | undefined;
  /** By how much entries' times of use are later than the use. */
  #keptTicks = 0;
  #isClosed = false;

  constructor(programs: BalancerPrograms, tables: Tables, tcpServerIds: boolean) {
    this.#programs = programs;
    this.#tables = tables;
    this.#tcpServerIds = tcpServerIds;
    this.#reader = new PerfBufferReader(programs.collection.map('new_flows'), {
      bytesPerCpu: RING_BYTES,
      wakeupBytes: RING_BYTES / 2,
    });
  }

  /** New flows that were lost, since nobody read them in time. */
  get lost(): number {
    return this.#reader.statistics.lost;
  }

  get #map(): BpfMap {
    return this.#programs.collection.map('peer_flows');
  }

  /** Services or their reals have changed. */
  changed(): void {
    this.#finder = undefined;
  }

  /** Takes the flows that have become known since the last call. */
  read(): SharedFlow[] {
    const flows: SharedFlow[] = [];
    this.#reader.drain((view, offset) => {
      const { flow, real: word } = readNewFlow(view, offset);
      const handle = word & handleMask;
      const real = this.#tables.reals.byNumber(handle & (Limit.MAX_REALS - 1));
      if (real === undefined || real.handle !== handle) return;
      const bytes = flow.ipv6 === 0 ? 4 : 16;
      flows.push({
        source: textOf(flow.source, bytes),
        sourcePort: swapPort(flow.sourcePort),
        destination: textOf(flow.destination, bytes),
        destinationPort: swapPort(flow.destinationPort),
        protocol: flow.protocol === protocolNumbers.udp ? 'udp' : 'tcp',
        real: real.address,
        byRule: (word & ruleBit) !== 0,
        idleMs: 0,
      });
    });
    return flows;
  }

  /**
   * Puts flows of another balancer into the table, in which the program finds them.
   *
   * @param keepMs UDP flows are kept for this time besides their idle time, milliseconds.
   */
  learn(flows: readonly SharedFlow[], keepMs: number): LearnedFlows {
    const keys: Uint8Array[] = [];
    const values: Uint8Array[] = [];
    const counts = { applied: 0, unknownVip: 0, unknownReal: 0 };
    this.#keptTicks = Math.round((keepMs * 1e6) / TICK_NS);
    const now = monotonicNs();
    for (const flow of flows) {
      const found = this.#find(flow);
      if (typeof found === 'string') {
        counts[found]++;
        continue;
      }
      const usedNs = now + BigInt(Math.round((keepMs - flow.idleMs) * 1e6));
      keys.push(found.key);
      values.push(
        encode(sizeofPeerFlow, writePeerFlow, {
          real: (found.real.handle + (flow.byRule ? ruleBit : 0)) >>> 0,
          used: tickOf(usedNs),
        }),
      );
      counts.applied++;
    }
    if (keys.length > 0) this.#map.updateBatch(Buffer.concat(keys), Buffer.concat(values));
    return counts;
  }

  /** Forgets the flows of other balancers that a filter means, in steps that leave time for other work. */
  async forget(matches: (flow: RawFlow) => boolean): Promise<void> {
    const map = this.#map;
    const flow = emptyFlow();
    flow.hasEnds = true;
    for (const { count, keys, values } of map.lookupBatch(ENTRIES_AT_A_TIME)) {
      const tick = tickOf(monotonicNs());
      for (let i = 0; i < count; i++) {
        const at = i * sizeofGlobalFlow;
        const { real, used } = readPeerFlow(viewOf(values), i * sizeofPeerFlow);
        const known = readGlobalFlow(viewOf(keys), at);
        flow.ends.set(known.source, 0);
        flow.ends.set(known.destination, 4);
        flow.ipv6 = known.ipv6 !== 0;
        const kind =
          (known.protocol === protocolNumbers.udp ? FlowKind.FLOW_UDP : 0) |
          (flow.ipv6 ? FlowKind.FLOW_IPV6 : 0);
        const ports = (known.sourcePort | (known.destinationPort << 16)) >>> 0;
        setWords(flow, ports, real, tick - used + this.#keptTicks, kind);
        if (matches(flow)) map.delete(keys.slice(at, at + sizeofGlobalFlow));
      }
      await nextTurn();
      if (this.#isClosed) throw new EbpfError('the balancer ended before its tables were walked');
    }
  }

  /** Forgets one flow of another balancer. @throws OptionError for ends of different families */
  forgetOne(flow: Flow): void {
    const target = this.#services().target(rawOf(flow));
    if (target === undefined) return;
    const sourcePort = swapPort(target.sourcePort);
    this.#map.delete(keyOf({ ...flow, sourcePort, destinationPort: swapPort(target.destinationPort) }));
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#reader[Symbol.dispose]();
  }

  #services(): ServiceFinder {
    this.#finder ??= new ServiceFinder(this.#tables.services.all());
    return this.#finder;
  }

  #find(
    flow: SharedFlow,
  ): { readonly key: Uint8Array; readonly real: KnownReal } | 'unknownVip' | 'unknownReal' {
    const finder = this.#services();
    const real = this.#tables.reals.find(flow.real);
    const served = finder.find(rawOf(flow), real?.number ?? 0);
    if (served === undefined || served.spec.forwarding === 'nat') return 'unknownVip';
    const isMember = served.members.some((member) => member.real.number === real?.number);
    const isByRule = flow.byRule && finder.hasRules(served, this.#tcpServerIds);
    if (real === undefined || (!isMember && !isByRule)) return 'unknownReal';
    return { key: keyOf(flow), real };
  }
}

function keyOf(flow: Flow): Uint8Array {
  const source = keyAddress(flow.source);
  return encode(sizeofGlobalFlow, writeGlobalFlow, {
    source: source.words,
    destination: keyAddress(flow.destination).words,
    sourcePort: wirePort(flow.sourcePort),
    destinationPort: wirePort(flow.destinationPort),
    protocol: protocolNumbers[flow.protocol],
    ipv6: Number(source.ipv6),
    reserved: 0,
  });
}

function tickOf(ns: bigint): number {
  return Number(BigInt.asUintN(32, ns / BigInt(TICK_NS)));
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

function textOf(words: ArrayLike<number>, bytes: number): string {
  const copy = Uint32Array.from(words);
  return formatAddress(new Uint8Array(copy.buffer, 0, bytes));
}
