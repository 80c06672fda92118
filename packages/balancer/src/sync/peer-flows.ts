/** The kernel's side of shared flows: new ones are read, and those of other balancers are put into a table. */
import { type BpfMap, PerfBufferReader } from '@weir/ebpf';
import { formatAddress } from '@weir/ebpf/address';
import { monotonicNs } from '@weir/ebpf/sys';
import { keyAddress, keyPrefix, wirePort } from '../address.js';
import { encode } from '../datapath/encode.js';
import type { Flow } from '../datapath/frame.js';
import type { BalancerPrograms } from '../datapath/programs.js';
import type { KnownReal } from '../datapath/real-registry.js';
import type { Tables } from '../datapath/tables.js';
import type { FlowFilter } from '../flows/known-flow.js';
import { emptyFlow, handleMask, ruleBit, swapPort } from '../flows/raw-flow.js';
import { isWithin, ServiceFinder } from '../flows/service-finder.js';
import {
  Limit,
  readGlobalFlow,
  readNewFlow,
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

export class PeerFlows implements Disposable {
  readonly #programs: BalancerPrograms;
  readonly #tables: Tables;
  readonly #tcpServerIds: boolean;
  readonly #reader: PerfBufferReader;
  #finder: ServiceFinder | undefined;

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
          used: Number(BigInt.asUintN(32, usedNs / BigInt(TICK_NS))),
        }),
      );
      counts.applied++;
    }
    if (keys.length > 0) this.#map.updateBatch(Buffer.concat(keys), Buffer.concat(values));
    return counts;
  }

  /** Forgets the flows of other balancers of a filter's service and real: there are no more conditions that they can meet. */
  forget({ service, real }: FlowFilter): void {
    const map = this.#map;
    const prefix = service && keyPrefix(service.address);
    const raw = emptyFlow();
    for (const [key, value] of [...map.entries()]) {
      const view = new DataView(value.buffer, value.byteOffset);
      const handle = view.getUint32(0, true) & handleMask;
      const known = this.#tables.reals.byNumber(handle & (Limit.MAX_REALS - 1));
      const flow = readGlobalFlow(new DataView(key.buffer, key.byteOffset), 0);
      raw.ends.set(flow.destination, 4);
      const isService =
        prefix === undefined ||
        (flow.protocol === protocolNumbers[service!.protocol] &&
          (flow.destinationPort === 0 ||
            service!.port === 0 ||
            flow.destinationPort === wirePort(service!.port)) &&
          (flow.ipv6 === 1) === prefix.ipv6 &&
          isWithin(raw.ends, 4, prefix));
      if (isService && (real === undefined || known?.address === real)) map.delete(key);
    }
  }

  /** Forgets one flow of another balancer. */
  forgetOne(flow: Flow): void {
    this.#map.delete(keyOf(flow));
  }

  [Symbol.dispose](): void {
    this.#reader[Symbol.dispose]();
  }

  #find(
    flow: SharedFlow,
  ): { readonly key: Uint8Array; readonly real: KnownReal } | 'unknownVip' | 'unknownReal' {
    this.#finder ??= new ServiceFinder(this.#tables.services.all());
    const source = keyAddress(flow.source);
    const destination = keyAddress(flow.destination);
    const raw = emptyFlow();
    raw.ends.set(source.words, 0);
    raw.ends.set(destination.words, 4);
    raw.hasEnds = true;
    raw.ipv6 = source.ipv6;
    raw.udp = flow.protocol === 'udp';
    raw.sourcePort = wirePort(flow.sourcePort);
    raw.destinationPort = wirePort(flow.destinationPort);
    const real = this.#tables.reals.find(flow.real);
    const served = this.#finder.find(raw, real?.number ?? 0);
    if (served === undefined || served.spec.forwarding === 'nat') return 'unknownVip';
    const isMember = served.members.some((member) => member.real.number === real?.number);
    const isByRule = flow.byRule && this.#finder.hasRules(served, this.#tcpServerIds);
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

function textOf(words: ArrayLike<number>, bytes: number): string {
  const copy = Uint32Array.from(words);
  return formatAddress(new Uint8Array(copy.buffer, 0, bytes));
}
