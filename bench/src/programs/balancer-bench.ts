/**
 * Measures the nanoseconds that the balancer's program takes for a packet, on this machine's own kernel:
 *
 *     node bench/dist/src/programs/balancer-bench.js [--rounds N] [--json]
 *
 * Needs root. Runs on one CPU. BPF_PROG_TEST_RUN hands a program its own output in the second round, so a prologue puts
 * the packet back and varies the flow, and then tail-calls. What that costs is subtracted: where the measured program adds
 * a header, it includes the removal of that header.
 */
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { Balancer, type BalancerOptions, type ServiceFlag } from '@weir/balancer';
import { median } from '../statistics.js';
import { FRAME, type PacketSample, ProgramMeasure } from './program-measure.js';

const CPU = 0;
const VIP4 = [198, 51, 100, 1];
const VIP6 = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const MILLION = 2 ** 20;
const ALL = 2 ** 32;
/** Odd numbers, by which flows come in random orders. */
const ORDER = 0x9e3779b1;
const OTHER_ORDER = 0x85ebca6b;

type Kind = 'tcp4' | 'udp4' | 'tcp6' | 'quic4';

interface Row {
  readonly name: string;
  readonly kind: Kind;
  /** How many flows there are; a power of two. Default 1. */
  readonly flows?: number;
  /** Every packet is a SYN of a flow that was never seen. */
  readonly syn?: boolean;
  readonly port?: number;
  /** Flows are translated. `reply`: the packets are those of the real. */
  readonly nat?: 'request' | 'reply';
  readonly options?: Partial<BalancerOptions>;
  /** Packets of a measurement. Default 2^20. */
  readonly repeat?: number;
}

const gue = { source4: '192.0.2.77', source6: 'fd00:77::1' };
const unguarded = { newFlowLimit: ALL - 1 };
const NAT_PORT = 8080;
const natSources = Array.from({ length: 32 }, (_, i) => `192.0.2.${i + 1}`);
const nat = { ...unguarded, flows: 400_000, nat: { sources: natSources, ports: [1024, 65_535] } } as const;
const translated = { kind: 'tcp4', port: NAT_PORT, nat: 'request', options: nat } as const;

/** So few packets that records of new flows find room until they are read. */
const few = { repeat: 2 ** 14, options: { ...unguarded, flows: 20_000 } } as const;
const fewShared = { ...few, options: { ...few.options, syncFlows: 1_000_000 } } as const;

const rows: readonly Row[] = [
  { name: 'TCPv4, known flow', kind: 'tcp4' },
  { name: 'UDPv4, known flow', kind: 'udp4' },
  { name: 'TCPv6, known flow', kind: 'tcp6' },
  { name: 'QUIC, short header', kind: 'quic4' },
  { name: 'not a VIP', kind: 'tcp4', port: 81 },
  { name: 'SYN of new flows, guard active', kind: 'tcp4', flows: ALL, syn: true },
  { name: 'SYN of new flows, table filling', kind: 'tcp4', flows: ALL, syn: true, options: unguarded },
  {
    name: 'SYN of new flows, table full',
    kind: 'tcp4',
    flows: ALL,
    syn: true,
    options: { ...unguarded, flows: 400_000 },
  },
  { name: 'TCPv4, a million known flows', kind: 'tcp4', flows: MILLION, options: unguarded },
  { name: 'UDPv4, a million known flows', kind: 'udp4', flows: MILLION, options: unguarded },
  { name: 'TCPv6, a million known flows', kind: 'tcp6', flows: MILLION, options: unguarded },
  { name: 'GUE: TCPv4, known flow', kind: 'tcp4', options: { gue } },
  { name: 'GUE: UDPv4, known flow', kind: 'udp4', options: { gue } },
  { name: 'GUE: TCPv6, known flow', kind: 'tcp6', options: { gue } },
  { name: 'NAT: TCPv4, known flow', ...translated },
  { name: 'NAT: TCPv4, reply of a known flow', ...translated, nat: 'reply' },
  { name: 'NAT: SYN of new flows', ...translated, flows: ALL, syn: true },
  { name: 'NAT: TCPv4, a million known flows', ...translated, flows: MILLION },
  { name: 'small table, full: SYN of new flows', kind: 'tcp4', flows: ALL, syn: true, ...few },
  { name: 'small table, full: unknown flows, no SYN', kind: 'tcp4', flows: ALL, ...few },
  { name: 'sync: TCPv4, known flow', kind: 'tcp4', options: { syncFlows: 1_000_000 } },
  { name: 'sync, small table, full: SYN of new flows', kind: 'tcp4', flows: ALL, syn: true, ...fewShared },
  { name: 'sync, small table, full: unknown flows, no SYN', kind: 'tcp4', flows: ALL, ...fewShared },
];

/** A frame of 128 bytes whose headers are right but for checksums. */
function frameOf({ kind, syn = false, port = 80 }: Row): Uint8Array {
  const frame = new Uint8Array(FRAME);
  const view = new DataView(frame.buffer);
  const v6 = kind === 'tcp6';
  const tcp = kind.startsWith('tcp');
  const transport = v6 ? 54 : 34;
  view.setUint16(12, v6 ? 0x86dd : 0x0800);
  if (v6) {
    view.setUint8(14, 0x60);
    view.setUint16(18, FRAME - transport);
    view.setUint8(20, 6);
    frame.set([0x20, 1, 0x0d, 0xb8, 0, 1], 22);
    frame.set(VIP6, 38);
  } else {
    view.setUint8(14, 0x45);
    view.setUint16(16, FRAME - 14);
    view.setUint8(23, tcp ? 6 : 17);
    frame.set([10, 1, 0, 0], 26);
    frame.set(VIP4, 30);
  }
  view.setUint16(transport, 31337);
  view.setUint16(transport + 2, kind === 'quic4' ? 443 : port);
  if (tcp) frame.set([0x50, syn ? 2 : 16], transport + 12);
  else frame.set([0, FRAME - transport, 0x12, 0x34], transport + 4);
  if (kind === 'quic4') frame.set([0x40, 0x80, 0, 0, 1], transport + 8);
  return frame;
}

/** The real's answer to a packet that the balancer has sent to it. */
function replyTo(sent: Uint8Array): Uint8Array {
  const frame = sent.slice();
  frame.set(sent.subarray(30, 34), 26);
  frame.set(sent.subarray(26, 30), 30);
  frame.set(sent.subarray(36, 38), 34);
  frame.set(sent.subarray(34, 36), 36);
  frame[47] = 16;
  return frame;
}

/** The packets of a row. */
function packetsOf(row: Row, { order = ORDER, frame = frameOf(row) } = {}): PacketSample {
  return {
    frame,
    flows: row.flows ?? 1,
    order: row.flows === ALL ? 1 : order,
    sourceOffset: row.kind === 'tcp6' ? 34 : 26,
  };
}

function openBalancer(options: Partial<BalancerOptions> = {}): Balancer {
  const balancer = Balancer.open({
    routerMac: '02:00:00:00:00:03',
    flows: 8_000_000,
    cpus: [CPU],
    ...options,
  });
  const reals4 = Array.from({ length: 100 }, (_, i) => ({ address: `10.0.0.${i + 1}` }));
  const reals6 = Array.from({ length: 100 }, (_, i) => ({ address: `fd00::${(i + 1).toString(16)}` }));
  const set = (address: string, port: number, protocol: 'tcp' | 'udp', flags: ServiceFlag[] = []) => {
    const reals = address.includes(':') ? reals6 : reals4;
    balancer.setService({ address, port, protocol }, { reals, flags });
  };
  set(VIP4.join('.'), 80, 'tcp');
  set(VIP4.join('.'), 80, 'udp');
  set(VIP4.join('.'), 443, 'udp', ['quic']);
  set('2001:db8::1', 80, 'tcp');
  if (options.nat !== undefined) {
    const service = { address: VIP4.join('.'), port: NAT_PORT, protocol: 'tcp' } as const;
    balancer.setService(service, { reals: reals4, forwarding: 'nat' });
  }
  balancer.setServerId(1, '10.0.0.1');
  return balancer;
}

/** Makes every flow known, and the caches warm; or fills a table that is to be full. */
function prepare(row: Row, balancer: Balancer, harness: ProgramMeasure, repeat: number): void {
  // A translated flow begins with a SYN.
  const begins = row.nat !== undefined && row.syn !== true;
  if (begins) {
    harness.set(packetsOf({ ...row, syn: true }));
    harness.run(balancer.program, repeat);
  }
  harness.set(packetsOf(row));
  if (row.name.includes('full') || row.flows !== ALL || row.options === undefined)
    harness.run(balancer.program, 2 * repeat);
  // Memory in the order of its first use would flatter.
  if (row.flows === MILLION) harness.set(packetsOf(row, { order: OTHER_ORDER }));
  if (row.nat === 'reply') {
    const frame = replyTo(balancer.process(frameOf({ ...row, syn: true })).frame);
    harness.set(packetsOf(row, { frame }));
  }
}

/** Nanoseconds of single measurements. */
function measure(row: Row, rounds: number): number[] {
  using balancer = openBalancer(row.options);
  using harness = new ProgramMeasure();
  // New translated flows take ports, which do not last for a million in each round.
  const repeat = row.repeat ?? (row.flows === ALL && row.nat !== undefined ? MILLION / 16 : MILLION);
  prepare(row, balancer, harness, repeat);
  return Array.from({ length: rounds }, () => {
    if (row.options?.syncFlows !== undefined) balancer.newFlows();
    return harness.run(balancer.program, repeat);
  });
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
    only: { type: 'string' },
  },
});
execFileSync('taskset', ['-cp', String(CPU), String(process.pid)], { stdio: 'ignore' });
const results = rows
  .filter(({ name }) => name.includes(values.only ?? ''))
  .map((row) => ({ name: row.name, samples: measure(row, Number(values.rounds)) }));
if (values.json) {
  process.stdout.write(`${JSON.stringify(results)}\n`);
} else {
  process.stdout.write('| packet | ns, median | lowest | highest |\n|---|---|---|---|\n');
  for (const { name, samples } of results) {
    const cells = [median(samples), Math.min(...samples), Math.max(...samples)];
    process.stdout.write(`| ${name} | ${cells.join(' | ')} |\n`);
  }
}
