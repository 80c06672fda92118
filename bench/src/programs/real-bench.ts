/**
 * Measures what the programs on reals take, on this machine's own kernel:
 *
 *     node bench/dist/src/programs/real-bench.js [--rounds N] [--cgroup FOLDER] [--json]
 *
 * `weir balance decapsulate`: nanoseconds a packet, by test runs. `weir balance server-id`: runs and nanoseconds of a
 * connection, and of a MiB that a client sends, by the kernel's statistics, in a cgroup of its own on loopback. Needs root.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { attachCgroup, Collection, enableStats, type Program, parseObject, setGlobal } from '@weir/ebpf';
import { median } from '../statistics.js';
import { FRAME, ProgramMeasure } from './program-measure.js';

const CPU = 0;
const REPEAT = 2 ** 20;
const FLOWS = 2 ** 16;
const GUE_PORT = 6080;
const END4 = [10, 0, 0, 1];
const END6 = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const CONNECTIONS = 500;
const MIB = 2 ** 20;
const SENT = 16 * MIB;

interface Figure {
  readonly name: string;
  readonly samples: readonly number[];
}

function readObject(name: string) {
  return parseObject(
    readFileSync(new URL(`../../../../packages/balancer/bpf/${name}.bpf.o`, import.meta.url)),
  );
}

type Outer = 'none' | 'ipip' | 'gue' | 'gre';

function ipHeader(ipv6: boolean, length: number, protocol: number, destination: readonly number[]): number[] {
  const size = [length >> 8, length & 0xff];
  return ipv6
    ? [
        0x60,
        0,
        0,
        0,
        (length - 40) >> 8,
        (length - 40) & 0xff,
        protocol,
        64,
        ...new Array(15).fill(0),
        9,
        ...destination,
      ]
    : [0x45, 0, ...size, 0, 0, 0, 0, 64, protocol, 0, 0, 172, 16, 1, 9, ...destination];
}

/** A frame with an outer header, and where its inner source is. */
function frameOf(outer: Outer, ipv6: boolean): { frame: Uint8Array; sourceOffset: number } {
  const type = ipv6 ? [0x86, 0xdd] : [8, 0];
  const vip = ipv6 ? [0x20, 1, 0x0d, 0xb8, ...new Array(11).fill(0), 1] : [198, 51, 100, 1];
  const protocol = { none: 0, ipip: ipv6 ? 41 : 4, gue: 17, gre: 47 }[outer];
  const shim = {
    none: [],
    ipip: [],
    gue: [0x30, 0, GUE_PORT >> 8, GUE_PORT & 0xff, 0, 0, 0, 0],
    gre: [0, 0, ...type],
  }[outer];
  const head = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, ...type];
  if (outer !== 'none')
    head.push(...ipHeader(ipv6, FRAME - head.length, protocol, ipv6 ? END6 : END4), ...shim);
  const sourceOffset = head.length + (ipv6 ? 20 : 12);
  const tcp = [0x7a, 0x69, 0, 80, ...new Array(8).fill(0), 0x50, 16];
  const frame = new Uint8Array(FRAME);
  frame.set([...head, ...ipHeader(ipv6, FRAME - head.length, 6, vip), ...tcp]);
  return { frame, sourceOffset };
}

/** A key of `struct tunnel_end`. */
function endKey(address: readonly number[]): Uint8Array {
  const key = new Uint8Array(20);
  key.set(address);
  key[16] = Number(address.length === 16);
  return key;
}

function decapsulation(rounds: number): Figure[] {
  using harness = new ProgramMeasure();
  const measure = (matches: boolean, outer: Outer, ipv6: boolean): Figure => {
    const spec = readObject('decapsulate');
    setGlobal(spec, 'gue_port', ((GUE_PORT & 0xff) << 8) | (GUE_PORT >> 8));
    setGlobal(spec, 'match_sources', Number(matches));
    using collection = Collection.load(spec);
    for (const end of [END4, END6])
      collection.map('tunnel_ends').update(endKey(end), Uint8Array.of(1, 0, 0, 0));
    const { frame, sourceOffset } = frameOf(outer, ipv6);
    const program = collection.program('decapsulate_packet');
    const isRemoved = program.testRun({ data: frame }).data.length < FRAME;
    if (isRemoved !== (outer !== 'none')) throw new Error(`${outer}, IPv${ipv6 ? 6 : 4}: the wrong packet`);
    harness.set({ frame, sourceOffset, flows: FLOWS, order: 1 });
    harness.run(program, REPEAT);
    const what = { none: 'in no tunnel', ipip: 'IP in IP', gue: 'GUE', gre: 'GRE' }[outer];
    const name = `${what}, IPv${ipv6 ? 6 : 4}${matches ? ', --match-source' : ''}`;
    return { name, samples: Array.from({ length: rounds }, () => harness.run(program, REPEAT)) };
  };
  const outers = ['none', 'ipip', 'gue', 'gre'] as const;
  return [
    ...outers.flatMap((outer) => [measure(false, outer, false), measure(false, outer, true)]),
    ...[false, true].map((ipv6) => measure(true, 'ipip', ipv6)),
  ];
}

/** Runs and time of a program so far. */
function statsOf(program: Program): { runs: number; ns: number } {
  const { runCount, runTimeNs } = program.info();
  return { runs: Number(runCount), ns: Number(runTimeNs) };
}

/** Opens a connection, sends bytes, and waits for the end of both sides. */
async function exchange(server: Server, bytes: number): Promise<void> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const ended = once(socket.resume(), 'close');
  socket.end(Buffer.alloc(bytes));
  await ended;
}

async function serverIds(rounds: number, folder: string): Promise<Figure[]> {
  const spec = readObject('tcp-server-id');
  setGlobal(spec, 'own_id', 7);
  setGlobal(spec, 'returns_ids', true);
  using collection = Collection.load(spec);
  const program = collection.program('carry_server_id');
  const procs = join(folder, '..', 'cgroup.procs');
  mkdirSync(folder);
  const figures = new Map<string, number[]>();
  const add = (name: string, value: number) => figures.set(name, [...(figures.get(name) ?? []), value]);
  try {
    using _link = attachCgroup(program, folder);
    using _stats = enableStats();
    writeFileSync(join(folder, 'cgroup.procs'), String(process.pid));
    const server = createServer((socket) => void socket.resume().on('end', () => socket.end()));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    for (let round = 0; round < rounds; round++) {
      const before = statsOf(program);
      for (let i = 0; i < CONNECTIONS; i++) await exchange(server, 100);
      const between = statsOf(program);
      await exchange(server, SENT);
      const after = statsOf(program);
      add('runs for a connection, both ends', (between.runs - before.runs) / CONNECTIONS);
      add('ns for a connection, both ends', (between.ns - before.ns) / CONNECTIONS);
      add('runs for a MiB that the client sends', ((after.runs - between.runs) * MIB) / SENT);
      add('ns for a MiB that the client sends', ((after.ns - between.ns) * MIB) / SENT);
    }
    server.close();
  } finally {
    writeFileSync(procs, String(process.pid));
    rmdirSync(folder);
  }
  return [...figures].map(([name, samples]) => ({ name, samples }));
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    cgroup: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const root = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((each) =>
  existsSync(join(each, 'cgroup.procs')),
);
const cgroup = values.cgroup ?? (root && join(root, `weir-bench-${process.pid}`));
execFileSync('taskset', ['-cp', String(CPU), String(process.pid)], { stdio: 'ignore' });
const tables = {
  'decapsulate, ns a packet': decapsulation(rounds),
  ...(cgroup !== undefined && { 'server-id': await serverIds(rounds, cgroup) }),
};
if (values.json) process.stdout.write(`${JSON.stringify(tables)}\n`);
else
  for (const [title, figures] of Object.entries(tables)) {
    process.stdout.write(`| ${title} | median | lowest | highest |\n|---|---|---|---|\n`);
    for (const { name, samples } of figures) {
      const cells = [median(samples), Math.min(...samples), Math.max(...samples)].map((cell) =>
        Math.round(cell),
      );
      process.stdout.write(`| ${name} | ${cells.join(' | ')} |\n`);
    }
    process.stdout.write('\n');
  }
