/** Turns the flags of `weir trace` into options of the tracer. */
import type { Btf } from '@weir/ebpf';
import type { PortRange, SocketEventName, TraceFilter, TracerOptions } from '@weir/tracer';
import { definedOnly } from '../args/defined-only.js';
import { type TracerFlags, tracerFlagOptions } from '../args/tracer-flags.js';
import { UsageError } from '../failure.js';
import type { ColourMode } from '../text/colour.js';
import type { TraceFormat } from './formats.js';

/** Parsed flags, by commander's names. */
export interface TraceFlags extends TracerFlags {
  readonly pid?: readonly number[];
  readonly comm?: readonly string[];
  readonly uid?: readonly number[];
  readonly netns?: readonly number[];
  readonly cgroup?: readonly number[];
  readonly port?: readonly PortRange[];
  readonly localPort?: readonly PortRange[];
  readonly peerPort?: readonly PortRange[];
  readonly address?: readonly string[];
  readonly local?: readonly string[];
  readonly peer?: readonly string[];
  readonly direction?: 'inbound' | 'outbound';
  readonly event?: readonly SocketEventName[];
  readonly filter?: string;
  readonly udp?: boolean;
  readonly udpIdle?: number;
  readonly tcp?: boolean;
  readonly ipv6?: boolean;
  readonly watchFds?: readonly number[];
  readonly monitorFdinstallPids?: readonly number[];
  readonly enrich?: boolean;
  readonly resolve?: boolean;
  readonly networks?: readonly string[];
  readonly geo?: readonly string[];
  readonly duration?: number;
  readonly count?: number;
  readonly json?: boolean;
  readonly format?: TraceFormat;
  readonly color: ColourMode;
  readonly wide?: boolean;
  readonly summary?: boolean;
  readonly verbose?: boolean;
  readonly readyFd?: number;
  readonly debug?: boolean;
}

/** Events for which tcptracer-bpf prints a line. */
const tcptracerEvents: readonly SocketEventName[] = ['connect', 'accept', 'close'];

export function traceFormat(flags: TraceFlags): TraceFormat {
  return flags.format ?? (flags.json ? 'json' : 'text');
}

/** Processes whose descriptors are watched, each once. */
export function watchedPids({ watchFds = [], monitorFdinstallPids = [] }: TraceFlags): readonly number[] {
  return [...new Set([...watchFds, ...monitorFdinstallPids])];
}

/** The tracer's options; those without a flag are absent. */
export function tracerOptions(flags: TraceFlags, btf?: Btf | 'discover'): TracerOptions {
  const asTcptracer = traceFormat(flags) === 'tcptracer';
  const filter = definedOnly<TraceFilter>({
    pids: flags.pid,
    comms: flags.comm,
    uids: flags.uid,
    netns: flags.netns,
    cgroupIds: flags.cgroup,
    ports: flags.port,
    localPorts: flags.localPort,
    peerPorts: flags.peerPort,
    addresses: flags.address,
    localAddresses: flags.local,
    peerAddresses: flags.peer,
    direction: flags.direction,
    events: flags.event ?? (asTcptracer ? tcptracerEvents : undefined),
  });
  return {
    ...definedOnly<TracerOptions>({
      filter: Object.keys(filter).length === 0 ? undefined : filter,
      ...protocols(flags),
      immediate: flags.enrich,
    }),
    ...tracerFlagOptions(asTcptracer ? { promptClose: true, ...flags } : flags, btf),
  };
}

/** The protocols that flags switched on or off; without flags, TCP over both families. */
function protocols(flags: TraceFlags): {
  readonly [Name in 'tcp' | 'udp' | 'ipv6']: TracerOptions[Name] | undefined;
} {
  const { udpIdle, event = [] } = flags;
  const udp = flags.udp || udpIdle !== undefined || event.includes('udp_flow');
  const tcp = flags.tcp ?? true;
  if (!tcp && !udp && watchedPids(flags).length === 0) {
    throw new UsageError('--no-tcp leaves nothing to trace: --udp adds UDP');
  }
  return {
    tcp: tcp ? undefined : false,
    udp: udp ? (udpIdle === undefined ? true : { idleMs: udpIdle }) : undefined,
    ipv6: flags.ipv6 === false ? false : undefined,
  };
}
