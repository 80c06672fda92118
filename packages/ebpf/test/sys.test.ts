import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { EbpfError, FormatError, OptionError, type SyscallError } from '../src/errors.js';
import { attr, kernelStruct, mapCreateAttr, objectName, progLoadAttr } from '../src/sys/attr.js';
import { missingCapabilities, parseCapabilityMask } from '../src/sys/capabilities.js';
import { Clock, clockNs, monotonicNs, parseTimeNamespace, realtimeOffsetNs } from '../src/sys/clock.js';
import { onlineCpus, parseCpuList, possibleCpus } from '../src/sys/cpus.js';
import { Fd } from '../src/sys/fd.js';
import { readSmallFile } from '../src/sys/files.js';
import {
  determineKernelVersion,
  kernelAtLeast,
  kernelVersion,
  linuxNote,
} from '../src/sys/kernel-version.js';
import { mapFile } from '../src/sys/map-file.js';
import { pageSize } from '../src/sys/memory.js';
import { NetlinkProtocol, NetlinkSocket } from '../src/sys/netlink.js';
import {
  decodeAttributes,
  decodeNetlinkMessages,
  encodeNetlinkMessage,
  NetlinkFlag,
  NetlinkPayload,
} from '../src/sys/netlink-message.js';
import { ProcessEnds } from '../src/sys/process-ends.js';
import { setToken, withToken } from '../src/sys/token-in-use.js';
import { attachTypeName } from '../src/uapi/attach-types.js';
import { commandName } from '../src/uapi/commands.js';
import { linkTypeName } from '../src/uapi/link-types.js';
import { MapType, mapTypeName } from '../src/uapi/map-types.js';
import { programTypeName } from '../src/uapi/program-types.js';
import { randomSource } from './support/random.js';

test('CPU lists are read, and damaged ones are refused', () => {
  assert.deepEqual(parseCpuList('0-3,8,10-11\n'), [0, 1, 2, 3, 8, 10, 11]);
  assert.deepEqual(parseCpuList('\n'), []);
  for (const text of ['a', '3-1', '1,', '-1', '0-99999999'])
    assert.throws(() => parseCpuList(text), FormatError);
  assert.ok(possibleCpus().length >= onlineCpus().length && onlineCpus().length > 0);
});

test('kernel versions are those the kernel means', () => {
  const code = (sources: Parameters<typeof determineKernelVersion>[0]) => {
    const { major, minor, patch } = determineKernelVersion(sources);
    return `${major}.${minor}.${patch}`;
  };
  const debian = { release: '5.10.0-34-amd64', version: '#1 SMP Debian 5.10.234-1 (2025-02-24)' };
  assert.equal(code(debian), '5.10.234');
  const ubuntu = {
    release: '5.4.0-12-generic',
    version: '#15-Ubuntu SMP',
    signature: 'Ubuntu 5.4.0-12.15-generic 5.4.8\n',
  };
  assert.equal(code(ubuntu), '5.4.8');
  assert.equal(code({ release: '4.18.0-553.el8.x86_64', version: '#1 SMP' }), '4.18.0');
  assert.equal(code({ release: '7.3-rc1', version: '#1 SMP' }), '7.3.0');
  assert.equal(code({ ...debian, noteCode: (5 << 16) | (10 << 8) | 234 }), '5.10.234');
  // The patch level has one byte: 4.19.325 is 4.19.255 to the kernel, and the name has the rest.
  const late = {
    release: '4.19.0-27',
    version: '#1 SMP Debian 4.19.316-1',
    noteCode: (4 << 16) | (19 << 8) | 255,
  };
  assert.equal(code(late), '4.19.316');
  assert.equal(determineKernelVersion(late).code, 0x0413ff);
  assert.throws(() => code({ release: 'unknown', version: '' }), FormatError);

  const running = kernelVersion();
  assert.ok(running.major >= 4);
  assert.ok(kernelAtLeast('4.4'));
  assert.ok(!kernelAtLeast('5.8', determineKernelVersion({ release: '5.7.19', version: '' })));
  assert.ok(kernelAtLeast('5.8', determineKernelVersion({ release: '5.8.0', version: '' })));
});

test('the version note is found, and a damaged image ends in a RangeError', () => {
  const image = Buffer.alloc(160);
  image.writeBigUInt64LE(64n, 32); // e_phoff
  image.writeUInt16LE(56, 54); // e_phentsize
  image.writeUInt16LE(1, 56); // e_phnum
  image.writeUInt32LE(4, 64); // PT_NOTE
  image.writeBigUInt64LE(128n, 72); // p_offset
  image.writeBigUInt64LE(24n, 96); // p_filesz
  image.writeUInt32LE(6, 128);
  image.writeUInt32LE(4, 132);
  image.write('Linux\0', 140, 'latin1');
  image.writeUInt32LE(0x060c22, 148);
  assert.equal(linuxNote(image), 0x060c22);
  for (let position = 0; position < image.length; position++) {
    for (const value of [0, 1, 0x7f, 0xff]) {
      const damaged = Buffer.from(image);
      damaged[position] = value;
      try {
        linuxNote(damaged);
      } catch (error) {
        assert.ok(error instanceof RangeError);
      }
    }
    try {
      assert.ok(position >= 152 || linuxNote(image.subarray(0, position)) === undefined);
    } catch (error) {
      assert.ok(error instanceof RangeError);
    }
  }
});

test('capability masks are read, and missing capabilities are named', () => {
  assert.deepEqual(
    [...parseCapabilityMask('000001c000001000')],
    ['CAP_NET_ADMIN', 'CAP_PERFMON', 'CAP_BPF', 'CAP_CHECKPOINT_RESTORE'],
  );
  const admin = parseCapabilityMask('0000000000200000');
  assert.deepEqual([...admin], ['CAP_SYS_ADMIN']);
  assert.deepEqual(missingCapabilities(['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN'], admin), [
    'CAP_NET_ADMIN',
  ]);
  assert.deepEqual(missingCapabilities(['CAP_BPF'], new Set()), ['CAP_BPF']);
});

test('numbers have the names of the kernel', () => {
  assert.equal(commandName(24), 'BPF_MAP_LOOKUP_BATCH');
  assert.equal(mapTypeName(5), 'BPF_MAP_TYPE_PERCPU_HASH');
  assert.equal(mapTypeName(12), 'BPF_MAP_TYPE_ARRAY_OF_MAPS');
  assert.equal(programTypeName(24), 'BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE');
  assert.equal(attachTypeName(10), 'BPF_CGROUP_INET4_CONNECT');
  assert.equal(linkTypeName(8), 'BPF_LINK_TYPE_KPROBE_MULTI');
  assert.equal(mapTypeName(999), 'BPF_MAP_TYPE_999');
  assert.equal(objectName('.rodata.str1.1-and-more'), '.rodata.str1.1_');
});

test('a kernel struct stores numbers, text and pointers, and keeps what it points to', () => {
  const load = attr('progLoad', { progType: 0xffff_ffff, insns: new Uint8Array(4), license: 'x' });
  load.set({ progName: 'name', progTokenFd: -1, kernVersion: undefined });
  assert.equal(load.get('progType'), 0xffff_ffff);
  assert.equal(load.get('progTokenFd'), -1);
  assert.equal(load.text('progName'), 'name');
  assert.notEqual(load.get('insns'), 0n);
  assert.equal(load.references, 2);
  load.set({ insns: null, license: new Uint8Array(0) });
  assert.equal(load.get('insns'), 0n);
  assert.equal(load.references, 0);
  assert.throws(() => load.set({ progName: 'longer than the kernel takes' }), OptionError);
});

test('a kernel struct takes members of members, 64 bits and single bits', () => {
  const link = attr('linkCreate', { progFd: 3, kprobeMulti: { cnt: 2, flags: 1 } });
  assert.deepEqual([...link.bytes.subarray(0, 24)], [3, ...Array(15).fill(0), 1, 0, 0, 0, 2, 0, 0, 0]);
  assert.equal(link.get('kprobeMulti').cnt, 2);
  assert.equal(attr('mapElem', { flags: 2n ** 63n }).get('flags'), 2n ** 63n);
  const event = kernelStruct('perfEventAttr', { disabled: 1, freq: 1, watermark: 1, preciseIp: 3 });
  assert.equal(new DataView(event.bytes.buffer).getUint32(40, true), 1 | (1 << 10) | (1 << 14) | (3 << 15));
  assert.equal(event.set({ freq: 0 }).get('freq'), 0);
  assert.equal(event.get('preciseIp'), 3);
});

test('the kernel gets a struct as far as the last member that was set', () => {
  assert.equal(attr('mapElem', { mapFd: 1, key: new Uint8Array(4) }).used, 16);
  assert.equal(attr('mapElem', { mapFd: 1, value: null }).used, 24);
  assert.equal(attr('obj', { pathname: '/', bpfFd: undefined }).used, 8);
  assert.equal(attr('linkDetach', { linkFd: 1 }).used, 8);
  const array = { type: MapType.array, keySize: 4, valueSize: 8, maxEntries: 1 };
  // Linux 4.18 knows 60 bytes of it, and takes no other than zeros behind them.
  assert.equal(mapCreateAttr({ ...array, name: 'name' }).used, 48);
  assert.equal(mapCreateAttr({ ...array, mapExtra: 1n }).used, 72);
  assert.equal(progLoadAttr({ progType: 1, instructions: new Uint8Array(8) }).used, 48);
});

test('a descriptor closes once', () => {
  const fd = new Fd(-1);
  assert.ok(fd.closed);
  assert.throws(() => fd.fd, EbpfError);
  fd[Symbol.dispose]();
});

test('clocks agree with Node’s', () => {
  const before = process.hrtime.bigint();
  const monotonic = clockNs(Clock.monotonic);
  assert.ok(before <= monotonic && monotonic <= monotonicNs());
  assert.ok(clockNs(Clock.boottime) >= monotonic);
  const now = Number((monotonicNs() + realtimeOffsetNs()) / 1_000_000n);
  assert.ok(Math.abs(now - Date.now()) < 1000);
});

test('the offset of a time namespace is read, and is 0 where there is none', () => {
  assert.equal(
    parseTimeNamespace('monotonic      86400         5\nboottime      864000         0\n'),
    86_400_000_000_005n,
  );
  assert.equal(
    parseTimeNamespace('monotonic          -3 250000000\nboottime          -7         0\n'),
    -2_750_000_000n,
  );
  assert.equal(parseTimeNamespace(''), 0n);
});

test('the end of a process is reported once, and that of a pid which no process has never', async () => {
  using ends = new ProcessEnds();
  const ended: number[] = [];
  const children = [spawn('cat'), spawn('cat')];
  for (const { pid } of children)
    assert.equal(
      ends.add(pid!, () => ended.push(pid!)),
      true,
    );
  for (const child of children) {
    const reported = ended.length;
    const exit = once(child, 'exit');
    child.stdin.end();
    await exit;
    for (const end = Date.now() + 60_000; ended.length === reported && Date.now() < end; ) await sleep(10);
    assert.deepEqual(ended.slice(reported), [child.pid]);
    assert.equal(
      ends.add(child.pid!, () => assert.fail('called for a process that had ended')),
      false,
    );
  }
});

test('small files are read, and absent ones are undefined', () => {
  assert.match(readSmallFile('/proc/self/status')!, /^Name:/);
  assert.equal(readSmallFile('/proc/self/absent'), undefined);
  assert.ok([4096, 16384, 65536].includes(pageSize()));
});

test('netlink payloads come back as they were built', () => {
  const random = randomSource(7);
  for (let round = 0; round < 200; round++) {
    const values = Array.from({ length: 1 + Math.floor(random() * 20) }, () =>
      Uint8Array.from({ length: Math.floor(random() * 70) }, () => random() * 256),
    );
    const payload = new NetlinkPayload();
    payload.nest(99, (inner) => {
      for (const [index, value] of values.entries()) inner.attribute(index + 1, value);
    });
    const [message] = decodeNetlinkMessages(encodeNetlinkMessage(20, 1, round, payload.bytes));
    assert.equal(message!.sequence, round);
    const inner = decodeAttributes(decodeAttributes(message!.payload).get(99)!);
    assert.deepEqual(
      [...inner.values()].map((value) => Buffer.from(value)),
      values.map((value) => Buffer.from(value)),
    );
  }
  assert.throws(() => [...decodeNetlinkMessages(new Uint8Array(16).fill(0xff))], FormatError);
  assert.throws(() => decodeAttributes(new Uint8Array(4)), FormatError);
});

test('netlink: a dump of the links names lo, a wrong request gets the kernel’s errno', () => {
  const [getLink, ifName] = [18, 3];
  using socket = new NetlinkSocket(NetlinkProtocol.route);
  const request = { type: getLink, payload: new Uint8Array(16), what: 'list the links' };
  const links = socket.request({ ...request, flags: NetlinkFlag.dump });
  const names = links.map(({ payload }) =>
    Buffer.from(decodeAttributes(payload.subarray(16)).get(ifName)!).toString(),
  );
  assert.ok(names.includes('lo\0'), names.join());

  const unknown = new Uint8Array(16);
  new DataView(unknown.buffer).setInt32(4, 0x7fff_ffff, true);
  const get = { ...request, payload: unknown, what: 'get a link' };
  assert.throws(
    () => socket.request(get),
    (error: SyscallError) => error.code === 'ENODEV' && /get a link/.test(error.message),
  );
  // The socket is usable after an error.
  assert.equal(socket.request({ ...request, flags: NetlinkFlag.dump }).length, links.length);
});

test('without its native library, koffi’s error says what to install', () => {
  const script = `
    import Module from 'node:module';
    const load = Module._load;
    Module._load = (name, ...rest) => {
      if (/koffi(\\.node)?$/.test(name)) throw new Error('Cannot find the native Koffi module');
      return load(name, ...rest);
    };
    const { ffi } = await import(${JSON.stringify(new URL('../src/sys/ffi.js', import.meta.url).href)});
    try { ffi(); } catch (error) { console.log(error.name + ' ' + error.message); }
  `;
  const args = ['--input-type=module', '--eval', script];
  const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.match(
    stdout,
    /^EbpfError .*linux-(x64|arm64), (glibc \d|musl).*optional dependencies.*--omit=optional.*native Koffi module/,
  );
});

test('importing the library does not load koffi', () => {
  const script = `
    await import(${JSON.stringify(new URL('../src/index.js', import.meta.url).href)});
    const koffi = process.report.getReport().sharedObjects.filter((path) => path.includes('koffi'));
    process.stdout.write('loaded: ' + koffi);
  `;
  const args = ['--input-type=module', '--eval', script];
  assert.equal(spawnSync(process.execPath, args, { encoding: 'utf8' }).stdout, 'loaded: ');
});

test('a wait for the wall clock to be set does not keep the process alive', () => {
  const module = new URL('../src/sys/clock-changes.js', import.meta.url);
  const script = `import { ClockChanges } from ${JSON.stringify(module.href)};
    const changes = new ClockChanges();
    if (changes.happened()) throw new Error('nobody set it');
    void changes.wait();`;
  const args = ['--input-type=module', '--eval', script];
  const ended = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 20_000 });
  assert.equal(ended.signal, null, 'the process did not end');
  assert.equal(ended.status, 0, ended.stderr);
});

test('a file of sysfs that can be mapped reads as by read(2)', () => {
  const path = '/sys/kernel/btf/vmlinux';
  if (existsSync(path)) {
    const mapped = mapFile(path);
    if (mapped !== undefined) assert.ok(Buffer.from(readFileSync(path)).equals(mapped));
    if (kernelAtLeast('6.16')) assert.ok(mapped !== undefined, 'can be mapped since Linux 6.16');
  }
  assert.equal(mapFile('/proc/self/status'), undefined);
  assert.throws(() => mapFile('/no/such/file'), /ENOENT/);
});

test('the native library is loaded without the sources around it', {
  skip: existsSync('/lib/ld-musl-x86_64.so.1'),
}, () => {
  const script = `
    import { createRequire } from 'node:module';
    const { ffi } = await import(${JSON.stringify(new URL('../src/sys/ffi.js', import.meta.url).href)});
    ffi();
    const loaded = Object.keys(createRequire(import.meta.url).cache).filter((path) => path.includes('koffi'));
    console.log(loaded.map((path) => path.split('/').at(-1)).join());`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
  });
  assert.deepEqual({ stdout, stderr }, { stdout: 'koffi.node\n', stderr: '' });
});

test('of several BPF tokens in use the last counts, in whatever order their use ends', () => {
  const [first, second, third] = [7, 8, 9].map(setToken) as [Disposable, Disposable, Disposable];
  const inUse = () => withToken(2).fd;
  assert.deepEqual(withToken(2), { fd: 9, flags: 2 | (1 << 16) });
  first[Symbol.dispose]();
  second[Symbol.dispose]();
  second[Symbol.dispose]();
  assert.equal(inUse(), 9);
  third[Symbol.dispose]();
  assert.deepEqual(withToken(2), { fd: undefined, flags: 2 });
});
