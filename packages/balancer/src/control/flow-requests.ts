/** Requests about known flows, answered in pieces as the tables are walked. */
import { canonicalAddress, isAddress } from '@weir/ebpf/address';
import type { Balancer } from '../balancer.js';
import { realAt, serviceOf, vipOf } from '../config/convert.js';
import type { Config } from '../config/schema.js';
import type { FlowAnalysis, RealFlows, ServiceFlows } from '../flows/flow-analysis.js';
import type { FlowFilter, FlowProgress, KnownFlow } from '../flows/known-flow.js';
import { type Protocol, type Service, vipName } from '../service.js';
import { findReal, findVip, RequestError } from './names.js';

/** Which flows are meant, by the names of the configuration. Conditions add up. */
export interface NamedFilter {
  /** Name, `ADDRESS:PORT/PROTOCOL`, or address. */
  readonly vip?: string;
  /** Name or address. */
  readonly real?: string;
  /** An address or a prefix. */
  readonly source?: string;
  readonly protocol?: Protocol;
  /** Not used for at least this time, milliseconds. */
  readonly olderMs?: number;
  /** Used within this time, milliseconds. */
  readonly youngerMs?: number;
}

/** A question about known flows. */
export interface FlowsBody extends NamedFilter {
  readonly action: 'list' | 'analyse';
  /** With `list`: ends after this many flows. Default: no end. */
  readonly limit?: number;
}

/** The flows of a VIP, or of one of its reals, which are to be removed. */
export interface PurgeBody {
  readonly vip: string;
  readonly real?: string;
}

/** A flow with the names of the configuration. */
export type NamedFlow = KnownFlow & { readonly vip?: string; readonly realName?: string };

/** The flows of a real with its name. */
export type NamedRealFlows = RealFlows & { readonly name?: string };

/** The flows of a service with its name. */
export type NamedServiceFlows = Omit<ServiceFlows, 'reals'> & {
  readonly vip: string;
  readonly reals: readonly NamedRealFlows[];
};

/** An analysis with the names of the configuration. */
export type NamedAnalysis = Omit<FlowAnalysis, 'services'> & {
  readonly services: readonly NamedServiceFlows[];
};

/** A line of an answer about flows. The last one has `end`: without it, the balancer ended before. */
export interface FlowLine {
  readonly flow?: NamedFlow;
  readonly progress?: FlowProgress;
  readonly analysis?: NamedAnalysis;
  /** Why the walk failed; the last line. */
  readonly error?: string;
  readonly end?: FlowsEnd;
}

/** How a walk ended. */
export interface FlowsEnd extends FlowProgress {
  /** Flows that were listed, counted or removed. */
  readonly flows: number;
}

/** Lines of an answer, some at a time. */
export type FlowLines = AsyncGenerator<readonly FlowLine[], void, undefined>;

export interface FlowSource {
  readonly balancer: Pick<Balancer, 'flows' | 'analyseFlows' | 'removeFlows'>;
  /** Returns the present configuration, which names VIPs and reals. */
  config(): Config;
}

/** Time between reports of progress, milliseconds. */
const PROGRESS_MS = 250;

/** Answers a question about flows. @throws RequestError for a name that does not exist; OptionError */
export async function* answerFlows(source: FlowSource, body: FlowsBody): FlowLines {
  const filter = filterOf(source.config(), body);
  if (body.action === 'analyse') yield* analyse(source, filter);
  else yield* list(source, filter, body.limit ?? Number.POSITIVE_INFINITY);
}

async function* list({ balancer, config }: FlowSource, filter: FlowFilter, limit: number): FlowLines {
  const isDue = timer();
  let end: FlowsEnd = { walked: 0, places: 0, flows: 0 };
  for await (const { flows, walked, places } of balancer.flows(filter)) {
    const some = flows.slice(0, limit - end.flows);
    end = { walked, places, flows: end.flows + some.length };
    const lines: FlowLine[] = some.map((flow) => ({ flow: named(config(), flow) }));
    if (isDue()) lines.push({ progress: { walked, places } });
    if (lines.length > 0) yield lines;
    if (end.flows >= limit) break;
  }
  yield [{ end }];
}

async function* analyse({ balancer, config }: FlowSource, filter: FlowFilter): FlowLines {
  const isDue = timer();
  for await (const { analysis, ...progress } of balancer.analyseFlows(filter)) {
    if (analysis !== undefined) {
      yield [
        { analysis: namedAnalysis(config(), analysis) },
        { end: { ...progress, flows: analysis.flows } },
      ];
    } else if (isDue()) {
      yield [{ progress }];
    }
  }
}

/** Removes the flows of a VIP, or of one of its reals. @throws RequestError, SyscallError */
export async function* purgeFlows({ balancer, config }: FlowSource, { vip, real }: PurgeBody): FlowLines {
  const isDue = timer();
  const filter = filterOf(config(), { vip, ...(real !== undefined && { real }) });
  let end: FlowsEnd = { walked: 0, places: 0, flows: 0 };
  for await (const { removed, ...progress } of balancer.removeFlows(filter)) {
    end = { ...progress, flows: removed };
    if (isDue()) yield [{ progress }];
  }
  yield [{ end }];
}

/** The service, and maybe its real, whose flows a purge removes. @throws RequestError */
export function purgedBy(
  config: Config,
  { vip, real }: PurgeBody,
): { readonly service: Service; readonly real?: string } {
  const { service, real: address } = filterOf(config, { vip, ...(real !== undefined && { real }) });
  return { service: service!, ...(address !== undefined && { real: address }) };
}

function filterOf(config: Config, { vip: vipText, real: realText, ...rest }: NamedFilter): FlowFilter {
  const { source, protocol, olderMs, youngerMs } = rest;
  const vip = vipText === undefined ? undefined : findVip(config, vipText);
  const real = realText === undefined ? undefined : realOf(config, vip, realText);
  return {
    ...(source !== undefined && { source }),
    ...(protocol !== undefined && { protocol }),
    ...(olderMs !== undefined && { olderMs }),
    ...(youngerMs !== undefined && { youngerMs }),
    ...(vip !== undefined && { service: serviceOf(vip) }),
    ...real,
  };
}

type VipConfig = Config['vips'][number];

/** The address of a real, and its port if a name says which. */
function realOf(
  { vips }: Config,
  vip: VipConfig | undefined,
  text: string,
): { readonly real: string; readonly realPort?: number } {
  const meant = vip === undefined ? vips : [vip];
  const found = meant.flatMap(({ reals }) => reals.filter(({ name }) => name === text));
  if (found.length === 0) {
    // A real that has left the VIP has an address, but no name.
    if (isAddress(text)) return { real: canonicalAddress(text) };
    if (vip !== undefined) return { real: findReal(vip, text).address };
    throw new RequestError(`no VIP has a real ${text}`);
  }
  const [first, ...more] = found;
  const { address, port } = first!;
  if (more.some((each) => canonicalAddress(each.address) !== canonicalAddress(address) || each.port !== port))
    throw new RequestError(`several reals have the name ${text}: name its VIP as well`);
  // A real that has another port in several VIPs is several reals; without one, it is one.
  return { real: address, realPort: port ?? 0 };
}

function named(config: Config, flow: KnownFlow): NamedFlow {
  const { service, real, realPort } = flow;
  const vip = service && vipOf(config, service);
  const realName = vip && real !== undefined ? realAt(vip, real, realPort)?.name : undefined;
  return { ...flow, ...(vip && { vip: vip.name }), ...(realName !== undefined && { realName }) };
}

function namedAnalysis(config: Config, { services, ...rest }: FlowAnalysis): NamedAnalysis {
  return {
    ...rest,
    services: services.map(({ service, reals, ...counts }) => ({
      ...counts,
      service,
      vip: vipOf(config, service)?.name ?? vipName(service),
      reals: reals.map((real) => {
        const name = realName(config, service, real);
        return { ...real, ...(name !== undefined && { name }) };
      }),
    })),
  };
}

function realName(config: Config, service: Service, { address, port }: RealFlows): string | undefined {
  const vip = vipOf(config, service);
  return vip && realAt(vip, address, port)?.name;
}

/** Says whether progress is to be reported again. */
function timer(): () => boolean {
  let last = performance.now();
  return () => {
    const now = performance.now();
    if (now - last < PROGRESS_MS) return false;
    last = now;
    return true;
  };
}
