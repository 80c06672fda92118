/** The flows that a balancer knows: listed, counted and removed, in steps that leave time for other work. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ArrayWindow, type BpfMap, EbpfError, OptionError } from '@weir/ebpf';
import { formatAddress } from '@weir/ebpf/address';
import { monotonicNs } from '@weir/ebpf/sys';
import { type KeyPrefix, keyAddress, keyBytes, keyPrefix, wirePort } from '../address.js';
import { encode } from '../datapath/encode.js';
import { type Flow, familyProblem } from '../datapath/frame.js';
import type { BalancerPrograms } from '../datapath/programs.js';
import type { KnownReal } from '../datapath/real-registry.js';
import type { ServedService } from '../datapath/service-table.js';
import type { Tables } from '../datapath/tables.js';
import { FlowKind, Limit, offsetsFlowBucket, sizeofFlow, writeFlow } from '../generated/balancer.js';
import { TICK_NS } from '../limits.js';
import { serviceName } from '../service.js';
import type { BalancerSettings } from '../settings.js';
import { type BucketPlace, walkBuckets, walkFallback } from './bucket-walk.js';
import { type AnalysisStep, FlowCounter } from './flow-analysis.js';
import { FlowHash } from './flow-hash.js';
import type {
  FlowBatch,
  FlowFilter,
  FlowProgress,
  FlowState,
  FlowsRemoved,
  KnownFlow,
} from './known-flow.js';
import { emptyFlow, kindShift, type RawFlow, swapPort } from './raw-flow.js';
import { isWithin, type PacketTarget, ServiceFinder } from './service-finder.js';

/** Milliseconds in a tick of the program's clock. */
const TICK_MS = TICK_NS / 1e6;

/** What a walk finds out about an entry. */
interface Found {
  readonly service: ServedService | undefined;
  readonly real: KnownReal | undefined;
  readonly state: FlowState;
}

/** Removes the entry that is visited; returns whether it was still there. */
type Remove = () => boolean;

type Visit = (flow: RawFlow, found: Found, remove: Remove) => void;

export class KnownFlows {
  readonly #programs: BalancerPrograms;
  readonly #tables: Tables;
  readonly #settings: BalancerSettings;
  readonly #hash: FlowHash;
  #isClosed = false;
  /** Made at the first removal. */
  #window: ArrayWindow | undefined;

  constructor(programs: BalancerPrograms, tables: Tables, settings: BalancerSettings) {
    this.#programs = programs;
    this.#tables = tables;
    this.#settings = settings;
    this.#hash = new FlowHash(programs.secrets);
  }

  /** Lists flows, a batch at a time. @throws OptionError for a filter that makes no sense */
  async *list(filter: FlowFilter): AsyncGenerator<FlowBatch, void, undefined> {
    let flows: KnownFlow[] = [];
    for await (const progress of this.#walk(filter, (flow, found) =>
      flows.push(this.#describe(flow, found)),
    )) {
      yield { ...progress, flows };
      flows = [];
    }
  }

  /** Counts flows. The last step has the counts. @throws OptionError for a filter that makes no sense */
  async *analyse(filter: FlowFilter): AsyncGenerator<AnalysisStep, void, undefined> {
    const counter = new FlowCounter();
    let last: FlowProgress = { walked: 0, places: 0 };
    const visit: Visit = ({ cpu, nat, idleTicks }, { service, real, state }) =>
      counter.add({
        service: service?.service,
        real,
        state,
        idleMs: idleTicks * TICK_MS,
        cpu,
        translated: nat !== undefined,
      });
    for await (const progress of this.#walk(filter, visit)) {
      last = progress;
      yield progress;
    }
    yield { ...last, analysis: counter.analysis() };
  }

  /** Removes flows. @throws OptionError for a filter that makes no sense; SyscallError */
  async *remove(filter: FlowFilter): AsyncGenerator<FlowsRemoved, void, undefined> {
    let removed = 0;
    const visit: Visit = (_flow, _found, remove) => {
      if (remove()) removed++;
    };
    try {
      for await (const progress of this.#walk(filter, visit)) yield { ...progress, removed };
    } finally {
      this.#window?.hide();
    }
  }

  /** Says of entries whether a filter means them. @throws OptionError for a filter that makes no sense */
  matcher(filter: FlowFilter): (flow: RawFlow) => boolean {
    const passes = this.#predicate(filter);
    const finder = this.#finder();
    return (flow) => passes(flow, this.#find(flow, finder));
  }

  /** Removes one flow from all tables; returns the number of entries. @throws OptionError, SyscallError */
  async removeOne(flow: Flow): Promise<number> {
    const wanted = rawOf(flow);
    const target = this.#finder().target(wanted);
    if (target === undefined)
      throw new OptionError(
        `${flow.destination} has no service for port ${flow.destinationPort}/${flow.protocol}`,
      );
    wanted.sourcePort = target.sourcePort;
    wanted.destinationPort = target.destinationPort;
    try {
      return target.served.spec.forwarding === 'nat'
        ? await this.#removeTranslated(wanted, target)
        : this.#removeTunnelled(wanted);
    } finally {
      this.#window?.hide();
    }
  }

  /** Walks under way fail. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#window?.[Symbol.dispose]();
  }

  /** Visits the flows that a filter lets through. */
  async *#walk(filter: FlowFilter, visit: Visit): AsyncGenerator<FlowProgress, void, undefined> {
    const passes = this.#predicate(filter);
    const finder = this.#finder();
    const flow = emptyFlow();
    const look = (remove: Remove) => {
      const found = this.#find(flow, finder);
      if (passes(flow, found)) visit(flow, found, remove);
    };
    const { nat } = this.#tables;
    const fallback = this.#programs.collection.map('fallback_flows');
    const tables = [...this.#programs.flowTables.all];
    const places =
      tables.length * this.#programs.buckets * Limit.FLOW_WAYS + fallback.maxEntries + (nat?.slots ?? 0);
    let walked = 0;
    for (const [cpu, table] of tables) {
      const addresses = this.#programs.flowAddresses.all.get(cpu);
      const walk = { cpu, table, addresses, hash: this.#hash, now };
      for (const buckets of walkBuckets(walk, flow, (place) => look(() => this.#clear(place)))) {
        walked += buckets * Limit.FLOW_WAYS;
        yield { walked, places };
        await this.#pause();
      }
    }
    for (const _ of walkFallback(fallback, now, flow, (key) => look(() => fallback.delete(key)))) {
      yield { walked, places };
      await this.#pause();
    }
    walked += fallback.maxEntries;
    if (nat !== undefined) {
      for (const slots of nat.walk(flow, (slot) => look(() => nat.end(slot, this.#openWindow())))) {
        walked += slots;
        yield { walked, places };
        await this.#pause();
      }
    }
    yield { walked: places, places };
  }

  #find(flow: RawFlow, finder: ServiceFinder): Found {
    const known = this.#tables.reals.byNumber(flow.handle & (Limit.MAX_REALS - 1));
    const real = known?.handle === flow.handle ? known : undefined;
    const service = finder.find(flow, known?.number ?? 0);
    const isMember = (each: KnownReal) =>
      service?.members.some(({ real: { number } }) => number === each.number);
    const isServed =
      real !== undefined &&
      (service === undefined
        ? !flow.hasEnds
        : isMember(real) || (flow.byRule && (flow.nat !== undefined || this.#hasRules(finder, service))));
    const { udpIdleTicks } = this.#settings;
    const limit =
      flow.nat === undefined ? (flow.udp ? udpIdleTicks : Number.POSITIVE_INFINITY) : flow.nat.limit;
    const state = !isServed ? 'stale' : flow.idleTicks > limit ? 'idle' : 'known';
    return { service, real, state };
  }

  #hasRules(finder: ServiceFinder, service: NonNullable<Found['service']>): boolean {
    return finder.hasRules(service, this.#settings.tcpServerIds);
  }

  #predicate(filter: FlowFilter): (flow: RawFlow, found: Found) => boolean {
    const {
      service,
      real,
      realPort,
      source,
      protocol,
      olderMs = 0,
      youngerMs = Number.POSITIVE_INFINITY,
    } = filter;
    const prefix: KeyPrefix | undefined = source === undefined ? undefined : keyPrefix(source);
    const name = service && serviceName(service);
    const meant = name === undefined ? undefined : this.#tables.services.get(service!);
    if (name !== undefined && meant === undefined) throw new OptionError('there is no such service');
    const address = real === undefined ? undefined : canonical(real);
    const matching = new WeakMap<KnownReal, boolean>();
    const isReal = (each: KnownReal) => {
      let matches = matching.get(each);
      if (matches === undefined) {
        matches = canonical(each.address) === address && (realPort === undefined || each.port === realPort);
        matching.set(each, matches);
      }
      return matches;
    };
    return (flow, found) => {
      const idleMs = flow.idleTicks * TICK_MS;
      if (idleMs < olderMs || idleMs > youngerMs) return false;
      if (protocol !== undefined && flow.udp !== (protocol === 'udp')) return false;
      if (address !== undefined && (found.real === undefined || !isReal(found.real))) return false;
      if (meant !== undefined && found.service?.service !== meant.service) return false;
      return (
        prefix === undefined || (flow.hasEnds && prefix.ipv6 === flow.ipv6 && isWithin(flow.ends, 0, prefix))
      );
    };
  }

  #describe(flow: RawFlow, { service, real, state }: Found): KnownFlow {
    const { cpu, nat } = flow;
    const known: { -readonly [Key in keyof KnownFlow]: KnownFlow[Key] } = {
      sourcePort: swapPort(flow.sourcePort),
      destinationPort: swapPort(flow.destinationPort),
      protocol: flow.udp ? 'udp' : 'tcp',
      byRule: flow.byRule,
      state,
      idleMs: Math.round(flow.idleTicks * TICK_MS),
    };
    if (flow.hasEnds) {
      known.source = addressAt(flow, 0);
      known.destination = addressAt(flow, 4);
    }
    if (service !== undefined) known.service = service.service;
    if (real !== undefined) known.real = real.address;
    if (real !== undefined && real.port !== 0) known.realPort = real.port;
    if (nat !== undefined) known.translated = this.#tables.nat!.ownEnd(nat.slot);
    else if (cpu === undefined) known.fallback = true;
    else known.cpu = cpu;
    return known;
  }

  #removeTunnelled(wanted: RawFlow): number {
    const { low, high, ports, kind } = identityOf(wanted, this.#hash);
    const index = this.#hash.bucket({ low, high }, ports, this.#programs.buckets);
    let removed = 0;
    for (const table of this.#programs.flowTables.all.values()) {
      const bytes = table.get(index);
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      for (let way = 0; way < Limit.FLOW_WAYS; way++) {
        const word = view.getUint32(offsetsFlowBucket.real + way * 4, true);
        const isIt =
          word !== 0 &&
          word >>> kindShift === kind &&
          view.getUint32(offsetsFlowBucket.id + way * 8, true) === low &&
          view.getUint32(offsetsFlowBucket.id + way * 8 + 4, true) === high &&
          view.getUint32(offsetsFlowBucket.ports + way * 4, true) === ports;
        if (isIt && this.#clear({ table, index, way, word })) removed++;
      }
    }
    const key = encode(sizeofFlow, writeFlow, { id: 0n, ports, kind: (kind << kindShift) >>> 0 });
    const words = new DataView(key.buffer, key.byteOffset);
    words.setUint32(0, low, true);
    words.setUint32(4, high, true);
    return removed + Number(this.#fallback().delete(key));
  }

  async #removeTranslated(wanted: RawFlow, { served }: PacketTarget): Promise<number> {
    const nat = this.#tables.nat!;
    const flow = emptyFlow();
    let removed = 0;
    const walk = nat.walk(flow, (slot) => {
      const isIt =
        flow.udp === wanted.udp &&
        flow.ipv6 === wanted.ipv6 &&
        flow.sourcePort === wanted.sourcePort &&
        flow.destinationPort === wanted.destinationPort &&
        flow.nat?.vip === served.number &&
        flow.idleTicks <= flow.nat.limit &&
        flow.ends.every((word, i) => word === wanted.ends[i]);
      if (isIt && nat.end(slot, this.#openWindow())) removed++;
    });
    for (const _ of walk) await this.#pause();
    return removed;
  }

  /** Frees a place of a flow table, unless another flow has got it. */
  #clear({ table, index, way, word }: BucketPlace): boolean {
    const window = this.#openWindow();
    const offset = window.show(table, index) + offsetsFlowBucket.real + way * 4;
    const words = new Uint32Array(window.buffer, offset, 1);
    return Atomics.compareExchange(words, 0, word, 0) === word;
  }

  /** Leaves other work its turn. @throws EbpfError if the balancer was closed meanwhile */
  async #pause(): Promise<void> {
    await nextTurn();
    if (this.#isClosed) throw new EbpfError('the balancer ended before its tables were walked');
  }

  #openWindow(): ArrayWindow {
    this.#window ??= new ArrayWindow();
    return this.#window;
  }

  #finder(): ServiceFinder {
    return new ServiceFinder(this.#tables.services.all());
  }

  #fallback(): BpfMap {
    return this.#programs.collection.map('fallback_flows');
  }
}

/** The present tick of the program's clock. */
function now(): number {
  return Number(BigInt.asUintN(32, monotonicNs() / BigInt(TICK_NS)));
}

function canonical(address: string): string {
  return formatAddress(keyBytes(keyAddress(address)));
}

/** @param at The word at which the address begins. */
function addressAt({ ends, ipv6 }: RawFlow, at: number): string {
  const word = ends[at]!;
  // Most flows are IPv4, and there may be millions.
  if (!ipv6) return `${word & 0xff}.${(word >>> 8) & 0xff}.${(word >>> 16) & 0xff}.${word >>> 24}`;
  return formatAddress(new Uint8Array(ends.buffer, ends.byteOffset + at * 4, 16));
}

/** The entry of a flow, before its service is known. @throws OptionError */
export function rawOf(flow: Flow): RawFlow {
  const problem = familyProblem(flow);
  if (problem !== undefined) throw new OptionError(problem);
  const source = keyAddress(flow.source);
  const raw = emptyFlow();
  raw.ends.set(source.words, 0);
  raw.ends.set(keyAddress(flow.destination).words, 4);
  raw.hasEnds = true;
  raw.ipv6 = source.ipv6;
  raw.udp = flow.protocol === 'udp';
  raw.sourcePort = wirePort(flow.sourcePort);
  raw.destinationPort = wirePort(flow.destinationPort);
  return raw;
}

/** A flow's identity in the program's tables. */
function identityOf({ ends, ipv6, udp, sourcePort, destinationPort }: RawFlow, hash: FlowHash) {
  return {
    low: ipv6 ? hash.low(ends) : ends[0]!,
    high: ipv6 ? hash.high(ends) : ends[4]!,
    ports: (sourcePort | (destinationPort << 16)) >>> 0,
    kind: (udp ? FlowKind.FLOW_UDP : 0) | (ipv6 ? FlowKind.FLOW_IPV6 : 0),
  };
}
