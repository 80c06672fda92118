/**
 * A process that dies during a change, at each of its system calls in turn. The next process finds the change complete or
 * not begun, and each number of a real in one place.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, describe, it } from 'node:test';
import { Namespace, unshare } from '@weir/ebpf/sys';
import { counterLayout } from '../src/datapath/counters.js';
import { reasonName } from '../src/datapath/outcome.js';
import { BalancerPrograms } from '../src/datapath/programs.js';
import { Tables } from '../src/datapath/tables.js';
import { recordFormat } from '../src/datapath/vip-record.js';
import { readOutcome, sizeofVip } from '../src/generated/balancer.js';
import type { Service, ServiceSpec } from '../src/index.js';
import { PinFolder } from '../src/lifecycle/pin-folder.js';
import { PreviousInstance } from '../src/lifecycle/previous-instance.js';
import { decodeState, encodeState } from '../src/lifecycle/state.js';
import { parseOptions } from '../src/settings.js';
import { frameOf, type Packet } from './support/packet.js';

if (process.getuid?.() !== 0) throw new Error('this test loads programs: it needs root');
execFileSync('taskset', ['-cp', '0', String(process.pid)], { stdio: 'ignore' });

unshare(Namespace.mount);
execFileSync('mount', ['--make-rprivate', '/']);
execFileSync('mount', ['-t', 'bpf', 'bpf', '/sys/fs/bpf']);

/** All system calls of @weir/ebpf go through this. */
interface Ffi {
  syscall: (...args: number[]) => number;
}
const path = new URL('../../../ebpf/dist/src/sys/ffi.js', import.meta.url).href;
const { ffi } = (await import(path)) as { ffi: () => Ffi };
const real = ffi().syscall;

/** Runs `body`, whose system calls all fail after a number of them. Returns whether it died. */
function dieAfter(calls: number, body: () => void): boolean {
  let made = 0;
  ffi().syscall = (...args) => {
    if (++made > calls) throw new Error('dead');
    return real(...args);
  };
  try {
    body();
  } catch (error) {
    if (made <= calls) throw error;
  } finally {
    ffi().syscall = real;
  }
  return made > calls;
}

const programs = new BalancerPrograms(
  parseOptions({ flows: 300, maxReals: 16, maxServerIds: 16, maxSourceRoutes: 16 }),
  undefined,
);
const reused = new Set([...programs.collection.maps.keys()]);
const folder = PinFolder.claim('/sys/fs/bpf/weir', 'steps');

after(() => {
  folder.remove();
  folder[Symbol.dispose]();
  programs[Symbol.dispose]();
});

/** A process that resumes where the last one stopped. */
function nextProcess(): Tables {
  const tables: Tables = new Tables(programs, () => save(tables));
  const text = folder.readState();
  if (text !== undefined)
    tables.restore(new PreviousInstance(decodeState(text, 'steps'), folder.path), reused);
  save(tables);
  return tables;
}

function save(tables: Tables, format = recordFormat): void {
  const { buckets } = programs;
  const rest = { flows: null, buckets, secrets: '', innerSizes: {}, routerMacs: {}, chain: null };
  const formats = { counters: counterLayout, recordFormat: format };
  folder.writeState(encodeState({ generation: 1, ...formats, ...rest, ...tables.saved() }));
}

const web: Service = { address: '198.51.100.1', port: 80, protocol: 'tcp' };
const prefix: Service = { address: '198.51.100.128/25', port: 0, protocol: 'tcp' };
const dns: Service = { address: '2001:db8::1', port: 53, protocol: 'udp' };
const of = (...addresses: string[]): ServiceSpec => ({ reals: addresses.map((address) => ({ address })) });

type Change = (tables: Tables) => void;

/** Changes, each with the change that undoes it. */
const changes: readonly (readonly [string, Change, Change])[] = [
  [
    'of several services',
    ({ services }) =>
      services.set([
        [web, of('10.0.0.2')],
        [prefix, of('10.0.0.4')],
      ]),
    ({ services }) => {
      services.set([[web, of('10.0.0.1')]]);
      services.remove([prefix]);
    },
  ],
  [
    'that removes a service',
    ({ services }) => services.remove([dns]),
    ({ services }) => services.set([[dns, of('fd00::1')]]),
  ],
  [
    'that adds a service',
    ({ services }) => services.set([[prefix, of('10.0.0.9')]]),
    ({ services }) => services.remove([prefix]),
  ],
  [
    'of a server id',
    (tables) => tables.setServerId(7, '10.0.0.6'),
    (tables) => tables.setServerId(7, '10.0.0.1'),
  ],
  [
    'that removes a server id',
    (tables) => tables.setServerId(8, undefined),
    (tables) => tables.setServerId(8, '10.0.0.8'),
  ],
  [
    'of a source route',
    (tables) => tables.setSourceRoute('203.0.113.0/24', '10.0.0.7'),
    (tables) => tables.setSourceRoute('203.0.113.0/24', undefined),
  ],
];

function describeTables(tables: Tables): string {
  return JSON.stringify({
    services: tables.services
      .all()
      .map(({ service, spec }) => [service, spec])
      .sort(),
    ids: tables.serverIds().sort((a, b) => a.id - b.id),
    routes: tables.sourceRoutes(),
    reals: tables.reals
      .all()
      .map(({ address }) => address)
      .sort(),
  });
}

/** Asserts that each number is in one place, and that no change is incomplete. */
function checkNumbers(tables: Tables): void {
  const { reals, services } = tables.saved();
  const numbers = [...reals.free, ...reals.held.map(({ number }) => number)].sort((a, b) => a - b);
  assert.deepEqual(
    numbers,
    Array.from({ length: reals.unused - 1 }, (_, i) => i + 1),
  );
  assert.deepEqual(services.pending, []);
  const vips = services.served.map(({ number }) => number);
  assert.equal(new Set(vips).size, vips.length);
}

const client = { source: '192.168.1.1', sourcePort: 31337, protocol: 'tcp' } as const;
const packets: { readonly packet: Packet; readonly service: Service }[] = [
  { packet: { ...client, destination: web.address, destinationPort: 80 }, service: web },
  { packet: { ...client, destination: '198.51.100.200', destinationPort: 81 }, service: prefix },
  {
    packet: {
      ...client,
      protocol: 'udp',
      source: '2001:db8::9',
      destination: dns.address,
      destinationPort: 53,
    },
    service: dns,
  },
];

/** Returns the VIP and the real of a packet, from the program itself. */
function explain(packet: Packet): { vip: number; number: number; chosenBy: string } {
  const { globals } = programs;
  programs.explain.testRun({ data: frameOf(packet) });
  const bytes = globals.read('explanation');
  const { vip, real: number, reason } = readOutcome(new DataView(bytes.buffer, bytes.byteOffset), 0);
  return { vip, number, chosenBy: reasonName(reason) };
}

/** Asserts that the program sends each packet to the real of user space, and that flows of removed reals are unknown. */
function checkProgram(tables: Tables): void {
  for (const { packet, service } of packets) {
    const { vip, number, chosenBy } = explain(packet);
    const served = tables.services.get(service);
    if (served === undefined) {
      assert.equal(vip, 0, `${service.address} is not served`);
      continue;
    }
    assert.equal(vip, served.number + 1);
    // Rings of several reals take long to build, so each ring has one.
    assert.equal(number, served.members[0]!.real.number);
    assert.equal(chosenBy, served.members[0]!.real.handle === flows.get(packet) ? 'flow-table' : 'ring');
  }
}

/** Handles of the reals to which packets' flows went last. */
const flows = new Map<Packet, number>();

/** Makes all flows known to the flow tables. */
function run(tables: Tables): void {
  for (const { packet, service } of packets) {
    if (tables.services.get(service) === undefined) continue;
    programs.program(0).testRun({ data: frameOf(packet) });
    flows.set(packet, tables.reals.byNumber(explain(packet).number)!.handle);
  }
}

describe('a change that is interrupted', () => {
  let tables = nextProcess();
  tables.services.set([
    [web, of('10.0.0.1')],
    [dns, of('fd00::1')],
  ]);
  tables.setServerId(7, '10.0.0.1');
  tables.setServerId(8, '10.0.0.8');

  const initial = describeTables(tables);

  for (const [what, change, undo] of changes) {
    it(`an interrupted change ${what} is completed, or not begun`, () => {
      change(tables);
      const changed = describeTables(tables);
      undo(tables);
      for (let calls = 0, died = true; died; calls++) {
        run(tables);
        died = dieAfter(calls, () => change(tables));
        if (died) tables = nextProcess();
        checkNumbers(tables);
        checkProgram(tables);
        const found = describeTables(tables);
        assert.ok(found === changed || (died && found === initial), `after ${calls} calls: ${found}`);
        if (found === initial) change(tables);
        assert.equal(describeTables(tables), changed);
        undo(tables);
        assert.equal(describeTables(tables), initial);
      }
    });
  }
});

describe('records of an earlier process', () => {
  /** The choice for a packet to a service whose record was emptied, once another process has restored it and set it as it was. */
  function choiceAfter(format: number): number {
    const tables = nextProcess();
    const { number, service, spec } = tables.services.get(web)!;
    programs.replaceVips([[number, new Uint8Array(sizeofVip)]]);
    save(tables, format);
    const next = nextProcess();
    next.services.set([[service, spec]]);
    const { packet } = packets[0]!;
    return explain({ ...packet, sourcePort: 4242 }).number;
  }

  it('are not made again, unless another version made them', () => {
    assert.equal(choiceAfter(recordFormat), 0);
    assert.notEqual(choiceAfter(recordFormat + 1), 0);
  });
});
