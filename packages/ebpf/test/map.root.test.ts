import assert from 'node:assert/strict';
import { existsSync, openSync, readFileSync, unlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { before, test } from 'node:test';
import { OptionError, SyscallError } from '../src/errors.js';
import { insn } from '../src/insn/assembler.js';
import { ArrayMap, indexKey } from '../src/map/array.js';
import { DescriptorMap } from '../src/map/descriptor-map.js';
import { LpmTrieMap } from '../src/map/lpm.js';
import type { BpfMap } from '../src/map/map.js';
import { createMap, mapFromId, mapIds, openPinnedMap } from '../src/map/open.js';
import { PerCpuMap } from '../src/map/percpu.js';
import type { MapSpec } from '../src/object/spec.js';
import { createArena } from '../src/sys/arena.js';
import { possibleCpus } from '../src/sys/cpus.js';
import { Fd } from '../src/sys/fd.js';
import { kernelAtLeast } from '../src/sys/kernel-version.js';
import { raiseMemlock } from '../src/sys/memlock.js';
import { syscall, syscallRaw } from '../src/sys/syscalls.js';
import { MapFlag, UpdateFlag } from '../src/uapi/flags.js';
import { MapType, mapTypeName } from '../src/uapi/map-types.js';
import { ProgramType } from '../src/uapi/program-types.js';
import { loadProgram } from './support/assemble.js';
import { requireKernel } from './support/require.js';
import { assertMapsGone, assertRoot, openDescriptors, pinFolder } from './support/root.js';

before(() => {
  assertRoot();
  raiseMemlock();
});

function spec(type: number, keySize: number, valueSize: number, maxEntries: number, flags = 0): MapSpec {
  return {
    name: `t_${mapTypeName(type).slice(13).toLowerCase()}`,
    type,
    keySize,
    valueSize,
    maxEntries,
    flags,
  };
}

function u64(value: number | bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
}

function number(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return bytes.length >= 8 ? Number(view.getBigUint64(0, true)) : view.getUint32(0, true);
}

/** Keys 0..count-1 and their values, packed. */
function packed(
  count: number,
  value: (index: number) => Uint8Array,
): { keys: Uint8Array; values: Uint8Array } {
  const indices = Array.from({ length: count }, (_, index) => index);
  return { keys: Buffer.concat(indices.map(indexKey)), values: Buffer.concat(indices.map(value)) };
}

const hasCode = (code: string) => (error: unknown) => error instanceof SyscallError && error.code === code;

for (const type of [MapType.hash, MapType.lruHash]) {
  test(`${mapTypeName(type)}: elements, update flags, walking, batches`, () => {
    using map = createMap(spec(type, 4, 8, 1000));
    assert.equal(map.lookup(indexKey(1)), undefined);
    assert.equal(map.delete(indexKey(1)), false);
    map.update(indexKey(1), u64(10), UpdateFlag.noexist);
    assert.throws(() => map.update(indexKey(1), u64(11), UpdateFlag.noexist), hasCode('EEXIST'));
    assert.throws(() => map.update(indexKey(2), u64(11), UpdateFlag.exist), hasCode('ENOENT'));
    const first = map.lookup(indexKey(1))!;
    map.update(indexKey(1), u64(12), UpdateFlag.exist);
    assert.equal(number(first), 10, 'a value that was looked up does not change afterwards');
    assert.equal(number(map.lookup(indexKey(1))!), 12);
    assert.equal(map.delete(indexKey(1)), true);

    const { keys, values } = packed(500, (index) => u64(index * 3));
    map.updateBatch(keys, values);
    assert.deepEqual(
      [...map.keys()].map(number).sort((a, b) => a - b),
      [...Array(500).keys()],
    );
    for (const [key, value] of map.entries()) assert.equal(number(value), number(key) * 3);
    for (const size of [1, 7, 500, 100_000]) {
      const counts = [...map.lookupBatch(size)].map((batch) => batch.count);
      assert.equal(
        counts.reduce((sum, count) => sum + count, 0),
        500,
        `batches of ${size}`,
      );
    }
    // The second and fourth of these are not there.
    assert.equal(map.deleteBatch(Buffer.concat([0, 900, 1, 901, 2].map(indexKey))), 3);
    assert.equal([...map.entries()].length, 497);
    let sum = 0;
    for (const { count, values: taken } of map.takeBatch(64)) {
      for (let index = 0; index < count; index++) sum += number(taken.subarray(index * 8, index * 8 + 8));
    }
    assert.equal(sum, ((499 * 500) / 2) * 3 - (0 + 3 + 6));
    assert.deepEqual([...map.keys()], []);
    assert.deepEqual([...map.takeBatch()], []);
  });
}

test('a full hash says so, an LRU hash makes room', () => {
  using full = createMap(spec(MapType.hash, 4, 8, 3));
  for (const index of [0, 1, 2]) full.update(indexKey(index), u64(0));
  assert.throws(() => full.update(indexKey(3), u64(0)), /E2BIG.*t_hash.*full: max_entries is 3/);
  using lru = createMap(spec(MapType.lruHash, 4, 8, 16));
  for (let index = 0; index < 100; index++) lru.update(indexKey(index), u64(0));
  const count = [...lru.keys()].length;
  assert.ok(count > 0 && count <= 16, `${count} keys`);
});

test('a hash without preallocation takes a name in the form that the kernel accepts', () => {
  const long = '.rodata/with "odd" characters and more than fifteen';
  using map = createMap({ ...spec(MapType.hash, 16, 24, 10, MapFlag.noPrealloc), name: long });
  assert.equal(map.name, long);
  const expected = kernelAtLeast('5.2') ? '.rodata_with__o' : '_rodata_with__o';
  assert.deepEqual(
    (({ name, keySize, valueSize, maxEntries, flags }) => ({ name, keySize, valueSize, maxEntries, flags }))(
      map.info(),
    ),
    { name: expected, keySize: 16, valueSize: 24, maxEntries: 10, flags: MapFlag.noPrealloc },
  );
  assert.throws(() => map.lookup(new Uint8Array(15)), OptionError);
  assert.throws(() => map.update(new Uint8Array(16), new Uint8Array(25)), OptionError);
});

test('keys may be deleted while a hash is walked', () => {
  using map = createMap(spec(MapType.hash, 4, 8, 1000));
  const { keys, values } = packed(1000, u64);
  map.updateBatch(keys, values);
  const found = new Set<number>();
  const deleted = new Set<number>();
  for (const key of map.keys()) {
    const value = number(key);
    assert.ok(!found.has(value), `key ${value} came twice`);
    found.add(value);
    // Deletes ahead of the walk as well as behind it.
    for (const victim of [value, (value * 7 + 13) % 1000])
      if (map.delete(indexKey(victim))) deleted.add(victim);
  }
  for (let index = 0; index < 1000; index++) assert.ok(found.has(index) || deleted.has(index));
  for (const key of map.keys()) assert.ok(!deleted.has(number(key)));
});

test('array: all elements exist, none can be deleted', () => {
  using map = createMap(spec(MapType.array, 4, 12, 50)) as ArrayMap;
  assert.ok(map instanceof ArrayMap);
  const value = Uint8Array.from({ length: 12 }, (_, index) => index);
  map.set(7, value);
  assert.deepEqual(map.get(7), value);
  assert.deepEqual(map.get(8), new Uint8Array(12));
  assert.throws(() => map.get(50), OptionError);
  assert.throws(() => map.set(50, value), /E2BIG.*max_entries, 50/);
  assert.throws(() => map.delete(indexKey(7)), /EINVAL.*cannot be removed/);
  assert.deepEqual([...map.keys()].map(number), [...Array(50).keys()]);
  const all = [...map.lookupBatch(8)].reduce((sum, batch) => sum + batch.count, 0);
  assert.equal(all, 50);
  const batch = packed(50, () => value);
  map.updateBatch(batch.keys, batch.values);
  assert.deepEqual(map.get(49), value);
});

test('a value of many bytes goes to the kernel from its own memory, with flags and errors as a short one', () => {
  for (const size of [16_383, 16_384, 150_000]) {
    using map = createMap(spec(MapType.array, 4, size, 2)) as ArrayMap;
    const values = [7, 8].map((start) => Uint8Array.from({ length: size }, (_, i) => start + i));
    for (const [index, value] of values.entries()) map.set(index, value);
    // A view behind the start of its buffer.
    const memory = new Uint8Array(size + 5).fill(9, 5);
    map.set(0, memory.subarray(5));
    assert.deepEqual(map.get(0), new Uint8Array(size).fill(9));
    assert.deepEqual(map.get(1), values[1]);
    assert.throws(() => map.update(indexKey(1), values[0]!, UpdateFlag.noexist), { code: 'EEXIST' });
    assert.throws(() => map.set(2, values[0]!), /the index is beyond max_entries, 2/);
    assert.throws(() => map.set(1, values[0]!.subarray(1)), OptionError);
    map[Symbol.dispose]();
    assert.throws(() => map.set(1, values[0]!), /closed|disposed/);
  }
});

test('an array is read and written in mapped memory', (t) => {
  if (!requireKernel(t, 'BPF_F_MMAPABLE', '5.5')) return;
  const map = createMap(spec(MapType.array, 4, 20, 300, MapFlag.mmapable)) as ArrayMap;
  const memory = map.memory(true);
  assert.equal(memory.length, 24 * 300);
  memory[24 * 299] = 9;
  assert.equal(map.get(299)[0], 9);
  map.set(0, new Uint8Array(20).fill(5));
  assert.equal(memory[19], 5);
  assert.throws(() => map.freeze(), hasCode('EBUSY'));
  map[Symbol.dispose]();
  assert.equal(memory[19], 0, 'a view of a disposed map reads zeros');
  memory[19] = 1;
  using plain = createMap(spec(MapType.array, 4, 20, 300)) as ArrayMap;
  assert.throws(() => plain.memory(false), /BPF_F_MMAPABLE/);
});

test('a frozen map refuses user space', (t) => {
  if (!requireKernel(t, 'BPF_MAP_FREEZE', '5.2')) return;
  const flags = MapFlag.rdonlyProg | (kernelAtLeast('5.5') ? MapFlag.mmapable : 0);
  using map = createMap(spec(MapType.array, 4, 8, 1, flags)) as ArrayMap;
  map.set(0, u64(77));
  map.freeze();
  assert.match(readFileSync(`/proc/self/fdinfo/${map.fd}`, 'utf8'), /^frozen:\s1$/m);
  assert.throws(() => map.set(0, u64(1)), /EPERM.*frozen/);
  assert.equal(number(map.get(0)), 77);
  if (!map.mappable) return;
  assert.throws(() => map.memory(true), hasCode('EPERM'));
  assert.equal(number(map.memory(false)), 77);
});

for (const type of [MapType.percpuHash, MapType.lruPercpuHash, MapType.percpuArray]) {
  test(`${mapTypeName(type)}: a value for every possible CPU`, () => {
    using map = createMap(spec(type, 4, 12, 64)) as PerCpuMap;
    assert.ok(map instanceof PerCpuMap);
    assert.equal(map.cpuCount, possibleCpus().length);
    const values = possibleCpus().map((cpu) =>
      Uint8Array.from({ length: 12 }, (_, index) => 16 * cpu + index + 1),
    );
    map.updateValues(indexKey(3), values);
    assert.deepEqual(map.lookupValues(indexKey(3)), values);
    if (type !== MapType.percpuArray) assert.equal(map.lookupValues(indexKey(4)), undefined);
    const entries = new Map([...map.entriesValues()].map(([key, each]) => [number(key), each]));
    assert.deepEqual(entries.get(3), values);
    assert.equal(entries.size, type === MapType.percpuArray ? 64 : 1);
    assert.throws(() => map.updateValues(indexKey(3), values.slice(1)), OptionError);

    const batch = packed(10, () => map.join(values));
    map.updateBatch(batch.keys, batch.values);
    assert.deepEqual(map.lookupValues(indexKey(9)), values);
    if (type === MapType.percpuArray) return;
    assert.equal(map.deleteBatch(batch.keys), 10);
    assert.deepEqual([...map.entriesValues()], []);
  });
}

test('LPM trie: the longest prefix wins', () => {
  using map = createMap(spec(MapType.lpmTrie, 8, 8, 100, MapFlag.noPrealloc)) as LpmTrieMap;
  assert.ok(map instanceof LpmTrieMap);
  const networks = ['0.0.0.0/0', '10.0.0.0/8', '10.1.0.0/16', '10.1.2.128/25', '10.1.2.129/32'];
  for (const [index, network] of networks.entries()) map.update(map.key(network), u64(index));
  const find = (address: string) => networks[number(map.lookup(map.key(address))!)];
  assert.equal(find('192.0.2.1'), '0.0.0.0/0');
  assert.equal(find('10.2.0.1'), '10.0.0.0/8');
  assert.equal(find('10.1.2.127'), '10.1.0.0/16');
  assert.equal(find('10.1.2.130'), '10.1.2.128/25');
  assert.equal(find('10.1.2.129'), '10.1.2.129/32');
  assert.equal([...map.keys()].length, 5);
  assert.deepEqual([...map.entries()].map(([, value]) => number(value)).sort(), [0, 1, 2, 3, 4]);
  assert.equal(map.deleteBatch(Buffer.concat(networks.slice(1).map((network) => map.key(network)))), 4);
  assert.equal(find('10.1.2.129'), '0.0.0.0/0');

  using six = createMap(spec(MapType.lpmTrie, 20, 8, 100, MapFlag.noPrealloc)) as LpmTrieMap;
  six.update(six.key('2001:db8::/32'), u64(1));
  assert.equal(number(six.lookup(six.key('2001:db8:ffff::1'))!), 1);
  assert.equal(six.lookup(six.key('2001:db9::1')), undefined);
  assert.throws(() => createMap(spec(MapType.lpmTrie, 8, 8, 100)), /EINVAL.*BPF_F_NO_PREALLOC/);
});

test('program array: descriptors go in, ids come out', () => {
  using program = loadProgram(ProgramType.socketFilter, [insn.movImmediate(0, 0), insn.exit()]);
  using map = createMap(spec(MapType.progArray, 4, 4, 4)) as DescriptorMap;
  assert.ok(map instanceof DescriptorMap);
  map.setFd(2, program.fd);
  const fdinfo = readFileSync(`/proc/self/fdinfo/${program.fd}`, 'utf8');
  assert.equal(map.lookupId(2), Number(/^prog_id:\s(\d+)$/m.exec(fdinfo)![1]));
  assert.equal(map.lookupId(1), undefined);
  assert.equal(map.clear(2), true);
  assert.equal(map.clear(2), false);
});

for (const type of [MapType.arrayOfMaps, MapType.hashOfMaps]) {
  test(`${mapTypeName(type)}: maps of the inner one's shape`, () => {
    const inner = spec(MapType.hash, 4, 8, 10);
    assert.throws(() => createMap(spec(type, 4, 4, 8)), /needs an inner map/);
    using shape = createMap(inner);
    using outer = createMap(spec(type, 4, 4, 8), { innerMapFd: shape.fd }) as DescriptorMap;
    using first = createMap(inner);
    using other = createMap(spec(MapType.hash, 8, 8, 10));
    outer.setFd(5, first.fd);
    assert.throws(() => outer.setFd(6, other.fd), hasCode('EINVAL'));
    const id = outer.lookupId(5)!;
    assert.equal(id, first.info().id);
    first.update(indexKey(1), u64(1));
    using again = mapFromId(id)!;
    assert.equal(number(again.lookup(indexKey(1))!), 1);
    assert.equal(
      [...outer.entries()].some(([key, value]) => number(key) === 5 && number(value) === id),
      true,
    );
    assert.equal(outer.clear(5), true);
  });
}

test('BPF_MAP_TYPE_DEVMAP, BPF_MAP_TYPE_CPUMAP: what packets are sent on to', () => {
  using devices = createMap(spec(MapType.devmap, 4, 4, 4));
  using cpus = createMap(spec(MapType.cpumap, 4, 4, 1));
  // lo has index 1; a CPU's value is the length of its queue.
  for (const [map, value] of [
    [devices, 1],
    [cpus, 64],
  ] as const) {
    assert.equal(map.lookup(indexKey(0)), undefined);
    map.update(indexKey(0), indexKey(value));
    assert.equal(number(map.lookup(indexKey(0))!), value);
    assert.equal(map.delete(indexKey(0)), true);
    assert.equal(map.lookup(indexKey(0)), undefined);
  }
  assert.throws(() => devices.update(indexKey(0), indexKey(2 ** 30)), hasCode('EINVAL'));
});

test('BPF_MAP_TYPE_CGROUP_ARRAY: cgroups go in by the descriptors of their folders', () => {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const root = mounts.map((line) => line.split(' ')).find(([, , type]) => type === 'cgroup2')?.[1];
  assert.ok(root !== undefined, 'cgroup2 is mounted');
  using map = createMap(spec(MapType.cgroupArray, 4, 4, 2)) as DescriptorMap;
  using folder = new Fd(openSync(root, 'r'));
  map.setFd(1, folder.fd);
  assert.equal(map.clear(1), true);
  using file = new Fd(openSync('/proc/self/exe', 'r'));
  assert.throws(() => map.setFd(0, file.fd), SyscallError);
});

test('BPF_MAP_TYPE_XSKMAP: sockets of AF_XDP go in by their descriptors', (t) => {
  const [AF_XDP, SOCK_RAW, SOL_XDP, XDP_RX_RING] = [44, 3, 283, 2];
  const socket = syscallRaw('socket', AF_XDP, SOCK_RAW | 0x80000, 0);
  if (socket === -constants.errno.EAFNOSUPPORT) return t.skip('this kernel has no CONFIG_XDP_SOCKETS');
  using owned = new Fd(socket);
  using map = createMap(spec(MapType.xskmap, 4, 4, 2)) as DescriptorMap;
  const size = createArena(4);
  size.view.setUint32(0, 64, true);
  syscall('setsockopt', owned.fd, SOL_XDP, XDP_RX_RING, size.address, 4);
  try {
    map.setFd(1, owned.fd);
  } catch (error) {
    // Older kernels take only sockets that have memory for frames.
    assert.ok(hasCode('EOPNOTSUPP')(error) && !kernelAtLeast('6.18'), String(error));
    return;
  }
  map.update(indexKey(1), indexKey(owned.fd), UpdateFlag.exist);
  assert.equal(map.clear(1), true);
  assert.throws(() => map.update(indexKey(1), indexKey(owned.fd), UpdateFlag.exist), hasCode('ENOENT'));
});

test('a queue gives the oldest element first, a stack the newest', (t) => {
  if (!requireKernel(t, 'BPF_MAP_TYPE_QUEUE', '4.20')) return;
  const none = new Uint8Array(0);
  for (const [type, order] of [
    [MapType.queue, [1, 2, 3]],
    [MapType.stack, [3, 2, 1]],
  ] as const) {
    using map = createMap(spec(type, 0, 8, 3));
    for (const value of [1, 2, 3]) map.update(none, u64(value));
    assert.throws(() => map.update(none, u64(4)), hasCode('E2BIG'));
    assert.equal(number(map.lookup(none)!), order[0]);
    assert.deepEqual(
      [1, 2, 3].map(() => number(map.lookupAndDelete(none)!)),
      order,
    );
    assert.equal(map.lookupAndDelete(none), undefined);
  }
});

test('lookupAndDelete removes an element of a hash', (t) => {
  if (!requireKernel(t, 'BPF_MAP_LOOKUP_AND_DELETE_ELEM for hashes', '5.14')) return;
  using map = createMap(spec(MapType.hash, 4, 8, 10));
  map.update(indexKey(1), u64(5));
  assert.equal(number(map.lookupAndDelete(indexKey(1))!), 5);
  assert.equal(map.lookupAndDelete(indexKey(1)), undefined);
});

test('a kind without batches is walked element by element', (t) => {
  if (!requireKernel(t, 'BPF_MAP_TYPE_DEVMAP_HASH', '5.4')) return;
  // Any number of keys may refer to one device; lo has index 1.
  using map = createMap(spec(MapType.devmapHash, 4, 4, 200));
  const { keys, values } = packed(150, () => indexKey(1));
  map.updateBatch(keys, values);
  assert.deepEqual(
    [...map.lookupBatch(64)].map(({ count }) => count),
    [64, 64, 22],
  );
  assert.equal(
    [...map.entries()].every(([, value]) => number(value) === 1),
    true,
  );
  assert.equal(map.deleteBatch(Buffer.concat([0, 1000, 1].map(indexKey))), 2);
  assert.equal(
    [...map.takeBatch(100)].reduce((sum, { count }) => sum + count, 0),
    148,
  );
  assert.deepEqual([...map.keys()], []);
});

test('ring buffers and perf event arrays get the size that the kernel takes', (t) => {
  using array = createMap(spec(MapType.perfEventArray, 4, 4, 0));
  assert.equal(array.info().maxEntries, possibleCpus().at(-1)! + 1);
  if (!requireKernel(t, 'BPF_MAP_TYPE_RINGBUF', '5.8')) return;
  using ring = createMap(spec(MapType.ringbuf, 0, 0, 70_000));
  assert.equal(ring.info().maxEntries, 131_072);
  assert.equal(ring.maxEntries, 131_072);
});

test('a pinned map is found again, and outlives its descriptor', () => {
  const path = `${pinFolder('maps')}/counters`;
  const map = createMap(spec(MapType.percpuHash, 4, 8, 10)) as PerCpuMap;
  const values = possibleCpus().map(u64);
  map.updateValues(indexKey(1), values);
  map.pin(path);
  assert.ok(existsSync(path));
  assert.throws(() => map.pin(path), /EEXIST.*counters exists already/);
  assert.throws(() => map.pin('/tmp/not-on-bpffs'), /\/tmp\/not-on-bpffs must lie on a bpf file system/);
  map[Symbol.dispose]();
  assert.throws(() => map.lookup(indexKey(1)), /already closed/);
  using again = openPinnedMap(path);
  assert.ok(again instanceof PerCpuMap);
  assert.deepEqual(again.lookupValues(indexKey(1)), values);
  assert.throws(() => openPinnedMap(`${path}-absent`), /ENOENT.*absent/);
  unlinkSync(path);
});

test('an unknown kind and a wrong size are explained', () => {
  assert.throws(
    () => createMap(spec(MapType.hash, 4, 8, 0)),
    /EINVAL.*BPF_MAP_TYPE_HASH.*max_entries must not be 0/,
  );
  assert.throws(() => createMap({ ...spec(MapType.hash, 4, 8, 1), type: 4000 }), /EINVAL.*BPF_MAP_TYPE_4000/);
});

test('nothing is left of disposed maps', async () => {
  const descriptors = openDescriptors();
  const ids: number[] = [];
  const keep = (map: BpfMap): BpfMap => {
    ids.push(map.info().id);
    return map;
  };
  const flags = kernelAtLeast('5.5') ? MapFlag.mmapable : 0;
  for (let round = 0; round < 20; round++) {
    using hash = keep(createMap(spec(MapType.hash, 4, 8, 10)));
    using array = keep(createMap(spec(MapType.array, 4, 8, 10, flags))) as ArrayMap;
    if (array.mappable) array.memory(true)[0] = 1;
    using outer = keep(
      createMap(spec(MapType.arrayOfMaps, 4, 4, 8), { innerMapFd: hash.fd }),
    ) as DescriptorMap;
    outer.setFd(0, hash.fd);
    assert.throws(() => createMap(spec(MapType.hash, 4, 8, 0)), SyscallError);
  }
  assert.deepEqual(openDescriptors(), descriptors);
  const all = [...mapIds()];
  assert.equal(new Set(all).size, all.length);
  await assertMapsGone(ids);
  assert.equal(mapFromId(ids[0]!), undefined);
});
