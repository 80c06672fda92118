/** Typed maps of kinds that not every kernel has: user ring buffers, arenas, storage at kernel objects. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { openSync, readFileSync, statSync } from 'node:fs';
import { before, type TestContext, test } from 'node:test';
import { EbpfError, OptionError, SyscallError } from '../src/errors.js';
import { kernelConfig } from '../src/features/config.js';
import { probeMapType } from '../src/features/probe.js';
import { Collection } from '../src/load/collection.js';
import { createMap } from '../src/map/open.js';
import { parseObject } from '../src/object/parse-object.js';
import { setGlobal } from '../src/object/set-global.js';
import { Fd } from '../src/sys/fd.js';
import { kernelAtLeast } from '../src/sys/kernel-version.js';
import { syscall } from '../src/sys/syscalls.js';
import { AttachType } from '../src/uapi/attach-types.js';
import { MapType, mapTypeName, mapTypeSince } from '../src/uapi/map-types.js';
import { UserRingBuffer } from '../src/writer/user-ringbuf.js';
import * as arenaModule from './generated/arena.js';
import * as storage from './generated/storage.js';
import * as userRing from './generated/user-ring.js';
import { inCgroup } from './support/cgroup.js';
import { testObject } from './support/objects.js';
import { requireFeature, requireKernel } from './support/require.js';
import { assertRoot, openDescriptors } from './support/root.js';

before(assertRoot);

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0x80000;

const packet = { data: new Uint8Array(64) };

test('user ring buffer: a program receives in order what was written, typed', (t) => {
  if (!requireKernel(t, 'BPF_MAP_TYPE_USER_RINGBUF', '6.1')) return;
  const before = openDescriptors();
  const object = userRing.load();
  const writer = object.maps.orders.writer();
  const drain = () => object.programs.takeOrders.testRun(packet).returnValue;
  assert.equal(drain(), 0);
  for (let number = 1; number <= 3000; number++) {
    assert.equal(writer.write({ number, kind: 7, text: `no. ${number}` }), true);
    if (number % 100 === 0) assert.equal(drain(), 100);
  }
  const { received, sum, unordered, last } = object.globals;
  assert.deepEqual(
    { received, sum, unordered, last },
    { received: 3000, sum: 3000, unordered: 0, last: { number: 3000, kind: 7, text: 'no. 3000' } },
  );
  object.close();
  assert.throws(() => writer.write({ number: 1, kind: 1, text: '' }), EbpfError);
  assert.deepEqual(openDescriptors(), before);
});

test('user ring buffer: what is reserved holds back what follows, discarded places are passed over', (t) => {
  if (!requireKernel(t, 'BPF_MAP_TYPE_USER_RINGBUF', '6.1')) return;
  using object = userRing.load();
  const writer = object.maps.untyped.writer();
  const drain = () => object.programs.takeBytes.testRun(packet).returnValue;
  const open = writer.raw.reserve(16)!;
  assert.equal(writer.write(Uint8Array.of(5)), true);
  assert.equal(writer.raw.pending(), 24 + 16);
  assert.equal(drain(), 0);
  open.bytes[0] = 40;
  open.submit();
  assert.equal(drain(), 2);
  assert.equal(object.globals.bytes, 45n);
  writer.raw.reserve(8)!.discard();
  assert.equal(writer.write(Uint8Array.of(1, 2, 3)), true);
  assert.equal(drain(), 1);
  assert.equal(object.globals.bytes, 46n);
  assert.equal(writer.raw.pending(), 0);
});

test('user ring buffer: a full one refuses, and a drain ends the wait for room', async (t) => {
  if (!requireKernel(t, 'BPF_MAP_TYPE_USER_RINGBUF', '6.1')) return;
  using object = userRing.load();
  const writer = object.maps.orders.writer();
  const { size } = writer.raw;
  assert.equal(await writer.wait(), true);
  let written = 0;
  while (writer.write({ number: written + 1, kind: 1, text: '' })) written++;
  assert.equal(written, Math.floor(size / 24));
  assert.equal(await writer.wait({ timeoutMs: 5 }), false);
  const room = writer.wait();
  setImmediate(() => object.programs.takeOrders.testRun(packet));
  assert.equal(await room, true);
  assert.equal(object.globals.received, written);
  await assert.rejects(writer.raw.wait(size), OptionError);
  const ended = writer.raw.wait(8);
  assert.equal(await ended, true);
});

test('user ring buffer: a map of another kind is refused', () => {
  using map = createMap({
    ...{ name: 'counts', type: MapType.array, keySize: 4, valueSize: 4, maxEntries: 1, flags: 0 },
  });
  assert.throws(() => new UserRingBuffer(map), /map counts is a BPF_MAP_TYPE_ARRAY/);
});

test('arena: variables and pointers are shared with programs', () => {
  if (!kernelAtLeast('6.9')) {
    assert.throws(() => arenaModule.load(), /this kind exists since Linux 6.9/);
    return;
  }
  const before = openDescriptors();
  const object = arenaModule.load({ globals: { nodes: 5n } });
  const { arena } = object.maps;
  assert.equal(arena.size, 16 * 4096);
  assert.equal(object.globals.nodes, 5n);
  assert.deepEqual(object.globals.first, { next: 0n, value: 40 });
  const walk = () => object.programs.walk.testRun(packet).returnValue;
  assert.equal(walk(), 40);
  assert.deepEqual([object.globals.nodes, object.globals.runs], [1n, 4]);

  // Two more nodes, in the page after the variables, which this process is the first to touch.
  const memory = arena.memory();
  const view = new DataView(memory.buffer);
  const [second, third] = [8192, 8192 + 16].map((offset) => ({
    offset,
    pointer: arena.address + BigInt(offset),
  }));
  arenaModule.writeNode(view, third!.offset, { next: 0n, value: 100 });
  arenaModule.writeNode(view, second!.offset, { next: third!.pointer, value: 2 });
  object.globals.first = { next: second!.pointer, value: 41 };
  assert.equal(walk(), 143);
  assert.equal(object.globals.nodes, 3n);
  assert.equal(arena.offsetOf(object.globals.first.next), second!.offset);
  assert.throws(() => arena.offsetOf(arena.address + BigInt(arena.size)), OptionError);
  assert.throws(() => arena.offsetOf(0n), /points out of the arena/);
  object.close();
  assert.throws(() => arena.lookup(new Uint8Array()), EbpfError);
  assert.equal(memory[8192], 0);
  assert.deepEqual(openDescriptors(), before);
});

test('arena: one of an address lies there, and another object can use it', (t) => {
  if (!requireKernel(t, 'BPF_MAP_TYPE_ARENA', '6.9')) return;
  const spec = parseObject(testObject('load/arena'));
  setGlobal(spec, 'nodes', 9);
  const address = 0x2f_4000_0000n;
  spec.maps.get('arena')!.mapExtra = address;
  using first = Collection.load(spec);
  const arena = first.map('arena');
  assert.ok('address' in arena);
  assert.equal(arena.address, address);
  assert.equal(first.globals.readInteger('nodes'), 9n);
  using second = Collection.load(parseObject(testObject('load/arena')), { replaceMaps: { arena } });
  assert.equal(second.program('walk').testRun(packet).returnValue, 40);
  assert.equal(first.globals.readInteger('nodes'), 1n);
  assert.throws(() => Collection.load(spec), { name: 'SyscallError', code: 'EEXIST' });
});

test('arena: variables that it has no room for are refused', (t) => {
  if (!requireKernel(t, 'BPF_MAP_TYPE_ARENA', '6.9')) return;
  const load = () => Collection.load(parseObject(testObject('load/arena')), { maxEntries: { arena: 1 } });
  assert.throws(load, /the arena has 4096 bytes, its variables 4\d\d\d: raise max_entries, its pages/);
});

/** Whether the kernel has a kind of map that it may be built without. */
function hasMapType(t: TestContext, type: number): boolean {
  const result = probeMapType(type);
  if (result.state === 'present') return true;
  const since = mapTypeSince(type)!;
  if (!kernelAtLeast(since)) return requireFeature(t, { feature: mapTypeName(type), since }, false);
  // Storage of inodes, and before 5.12 that of tasks, comes with CONFIG_BPF_LSM.
  const option = kernelConfig()?.get('CONFIG_BPF_LSM');
  assert.notEqual(option, 'y', `${mapTypeName(type)} is ${JSON.stringify(result)}: it ought to be there`);
  t.skip(`needs ${mapTypeName(type)}, and this kernel is built without CONFIG_BPF_LSM`);
  return false;
}

/** What all kinds of storage have in common. */
function checkStorage(map: storage.ObjectMaps['tasks'], fd: number): void {
  assert.equal(map.get(fd), undefined);
  assert.equal(map.delete(fd), false);
  map.set(fd, { packets: 2 ** 40, mark: 9 });
  assert.deepEqual(map.get(fd), { packets: 2 ** 40, mark: 9 });
  assert.throws(() => map.set(fd, { packets: 0, mark: 0 }, 1), { code: 'EEXIST' });
  map.set(fd, { packets: 1, mark: 2 }, 2);
  assert.deepEqual(map.get(fd), { packets: 1, mark: 2 });
  assert.equal(map.delete(fd), true);
  assert.equal(map.has(fd), false);
  assert.throws(() => map.get(1_000_000), SyscallError);
}

test('storage: of a socket, by its descriptor', (t) => {
  if (!requireKernel(t, 'BPF_MAP_TYPE_SK_STORAGE', '5.2')) return;
  using object = storage.load({ programs: ['count_packets'] });
  using socket = new Fd(syscall('socket', AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  checkStorage(object.maps.sockets, socket.fd);
});

test('storage: of a task, by its pidfd', (t) => {
  if (!hasMapType(t, MapType.taskStorage)) return;
  using object = storage.load({ programs: ['use_tasks'] });
  using task = new Fd(syscall('pidfd_open', process.pid, 0));
  checkStorage(object.maps.tasks, task.fd);
});

test('storage: of an inode, by the descriptor of a file', (t) => {
  if (!hasMapType(t, MapType.inodeStorage)) return;
  using object = storage.load({ programs: ['use_inodes'] });
  using file = new Fd(openSync('/proc/self/exe', 'r'));
  try {
    checkStorage(object.maps.inodes, file.fd);
  } catch (error) {
    // Debian's 5.10 has the BPF LSM, and does not start it.
    assert.ok(!kernelAtLeast('5.11'), String(error));
    assert.match(String(error), /EBADF: .* the BPF LSM is not active/);
    t.skip('the BPF LSM of this kernel is not active');
  }
});

test('storage: of a cgroup, by the descriptor of its folder', (t) => {
  if (!hasMapType(t, MapType.cgrpStorage)) return;
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const root = mounts.map((line) => line.split(' ')).find(([, , type]) => type === 'cgroup2')?.[1];
  assert.ok(root !== undefined, 'cgroup2 is mounted');
  using object = storage.load({ programs: ['use_cgroups'] });
  using cgroup = new Fd(openSync(root, 'r'));
  checkStorage(object.maps.cgroups, cgroup.fd);
});

test('storage: of attachments to a cgroup, by its inode and the attach type', async () => {
  using object = storage.load({ programs: ['count_sent'] });
  const { attachments, attachmentsPercpu: perCpu } = object.maps;
  await inCgroup(async (cgroup) => {
    const key = { cgroupInodeId: BigInt(statSync(cgroup).ino), attachType: AttachType.cgroupInetEgress };
    using _link = object.programs.countSent.attach({ cgroup });
    const socket = createSocket('udp4');
    for (let i = 0; i < 3; i++) await new Promise((sent) => socket.send('hello', 9, '127.0.0.1', sent));
    socket.close();
    assert.deepEqual(attachments.get(key), { packets: 3, mark: 7 });
    assert.equal(
      perCpu.get(key)?.reduce((sum, count) => sum + count),
      3n,
    );
    attachments.set(key, { packets: 9, mark: 1 });
    assert.deepEqual([...attachments], [[key, { packets: 9, mark: 1 }]]);
    assert.throws(() => attachments.delete(key), SyscallError);
  });
});
