import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readlinkSync } from 'node:fs';
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { SyscallError } from '../src/errors.js';
import { mapCreateAttr } from '../src/sys/attr.js';
import { bpf } from '../src/sys/bpf.js';
import { effectiveCapabilities } from '../src/sys/capabilities.js';
import { Fd } from '../src/sys/fd.js';
import { readSmallFile } from '../src/sys/files.js';
import { memlockLimit, raiseMemlock } from '../src/sys/memlock.js';
import { Mapping, pageSize } from '../src/sys/memory.js';
import { Namespace, unshare, withNetns } from '../src/sys/namespace.js';
import { NetlinkProtocol, NetlinkSocket } from '../src/sys/netlink.js';
import { NetlinkFlag, NetlinkPayload } from '../src/sys/netlink-message.js';
import {
  PerfIoctl,
  PerfSoftware,
  PerfType,
  perfEventIoctl,
  perfEventOpen,
} from '../src/sys/perf-event-open.js';
import { syscall } from '../src/sys/syscalls.js';
import { Command } from '../src/uapi/commands.js';
import { MapFlag } from '../src/uapi/flags.js';
import { MapType } from '../src/uapi/map-types.js';
import { assertRoot, openDescriptors } from './support/root.js';

before(assertRoot);

const currentNetns = () => readlinkSync('/proc/thread-self/ns/net');

test('a body runs in another network namespace, and the thread comes back', () => {
  const home = currentNetns();
  const homeFd = openSync('/proc/thread-self/ns/net', 'r');
  unshare(Namespace.net);
  const away = currentNetns();
  assert.notEqual(away, home);
  try {
    assert.equal(withNetns(homeFd, currentNetns), home);
    assert.equal(currentNetns(), away);
    const fail = (): number => {
      throw new Error('body');
    };
    assert.throws(() => withNetns(homeFd, fail), /body/);
    assert.equal(currentNetns(), away);
    assert.throws(() => withNetns('/proc/self/ns/mnt', currentNetns), /setns: EINVAL: .*ns\/mnt/);

    // An empty namespace has lo alone, and the kernel explains what is wrong with a request.
    using route = new NetlinkSocket(NetlinkProtocol.route);
    const list = { type: 18, flags: NetlinkFlag.dump, payload: new Uint8Array(16), what: 'list the links' };
    const before = openDescriptors();
    assert.ok(route.request(list).length >= 1);
    const link = new NetlinkPayload(new Uint8Array(16))
      .string(3, 'weir0')
      .nest(18, (info) => info.string(1, 'nokind'));
    const add = { type: 16, flags: NetlinkFlag.create, payload: link.bytes, what: 'add weir0' };
    assert.throws(
      () => route.request(add),
      (error: SyscallError) =>
        error.code === 'EOPNOTSUPP' && /add weir0.*: .*[Uu]nknown device type/.test(error.message),
    );
    assert.deepEqual(openDescriptors(), before);
  } finally {
    syscall('setns', homeFd, Namespace.net);
    closeSync(homeFd);
  }
  assert.equal(currentNetns(), home);
});

test('a perf event opens, is controlled and closes', () => {
  const before = openDescriptors();
  using event = perfEventOpen({
    type: PerfType.software,
    config: PerfSoftware.dummy,
    cpu: 0,
    disabled: true,
  });
  perfEventIoctl(event.fd, PerfIoctl.enable, 0, 'PERF_EVENT_IOC_ENABLE');
  perfEventIoctl(event.fd, PerfIoctl.disable, 0, 'PERF_EVENT_IOC_DISABLE');
  assert.throws(() => perfEventIoctl(event.fd, 0x24ff, 0, 'unknown'), /ioctl\(unknown\): ENOTTY/);
  assert.throws(
    () => perfEventOpen({ type: 4000, cpu: 0, what: 'nothing' }),
    /perf_event_open of nothing: ENOENT/,
  );
  event[Symbol.dispose]();
  event[Symbol.dispose]();
  assert.deepEqual(openDescriptors(), before);
});

test('a disposed mapping reads zeros and takes writes', () => {
  const array = { type: MapType.array, keySize: 4, valueSize: pageSize(), maxEntries: 1 };
  const attr = mapCreateAttr({ ...array, flags: MapFlag.mmapable });
  using map = new Fd(bpf(Command.mapCreate, attr));
  const mapping = new Mapping(map.fd, { length: pageSize(), writable: true, what: 'an array' });
  const bytes = new Uint8Array(mapping.buffer);
  bytes.fill(7);
  mapping[Symbol.dispose]();
  mapping[Symbol.dispose]();
  assert.ok(bytes.every((byte) => byte === 0));
  bytes.fill(1);
  const wrong = { length: pageSize(), offset: 1, writable: false, what: 'an array' };
  assert.throws(() => new Mapping(map.fd, wrong), /mmap of an array: EINVAL/);
});

test('RLIMIT_MEMLOCK is lifted, or the result says what to do', () => {
  const result = raiseMemlock(true);
  assert.equal(result.bytes, memlockLimit());
  if (effectiveCapabilities().has('CAP_SYS_RESOURCE')) {
    assert.equal(result.bytes, undefined);
  } else {
    assert.ok(result.bytes === undefined || /CAP_SYS_RESOURCE.*ulimit -l unlimited/.test(result.advice!));
  }
});

test('the error of a process without privileges names the capability', () => {
  const script = fileURLToPath(new URL('./support/print-error.js', import.meta.url));
  const disabled = readSmallFile('/proc/sys/kernel/unprivileged_bpf_disabled')?.trim();
  const { stdout, stderr } = spawnSync(process.execPath, [script], {
    uid: 65534,
    gid: 65534,
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  assert.equal(stdout.split('\n').length, 2, 'one line');
  // Unprivileged hashes are allowed where the sysctl is 0.
  if (disabled === '0') return;
  assert.match(stdout, /^bpf\(BPF_MAP_CREATE\): EPERM: map mine .* needs CAP_(BPF|SYS_ADMIN)/);
  if (disabled !== undefined)
    assert.match(stdout, new RegExp(`kernel.unprivileged_bpf_disabled is ${disabled}`));
});

test('the error in a user namespace says that its capabilities do not count', (t) => {
  const script = fileURLToPath(new URL('./support/print-error.js', import.meta.url));
  const disabled = readSmallFile('/proc/sys/kernel/unprivileged_bpf_disabled')?.trim();
  const limit = readSmallFile('/proc/sys/user/max_user_namespaces')?.trim();
  if (limit === undefined || limit === '0' || disabled === '0') {
    t.diagnostic('user namespaces are switched off here, or unprivileged maps are allowed');
    return;
  }
  const { stdout } = spawnSync('unshare', ['--user', '--map-root-user', process.execPath, script], {
    encoding: 'utf8',
  });
  assert.match(stdout, /^bpf\(BPF_MAP_CREATE\): EPERM: map mine .*user namespace/);
});
