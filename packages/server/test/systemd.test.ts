import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { UnixDatagramReceiver } from '@weir/ebpf/sys';
import { inheritedSockets, storedDescriptors } from '../src/systemd/listen-fds.js';
import { ServiceNotifier, watchdogIntervalMs } from '../src/systemd/notify.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-systemd-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function received(receiver: UnixDatagramReceiver): string[] {
  const messages: string[] = [];
  for (let datagram = receiver.receive(); datagram !== undefined; datagram = receiver.receive())
    messages.push(datagram.toString());
  return messages;
}

describe('the service manager', () => {
  for (const [title, address] of [
    ['a path', () => join(folder, 'notify')],
    ['an abstract name', () => `@${folder}/notify`],
  ] as const)
    it(`gets messages at ${title}`, () => {
      using receiver = new UnixDatagramReceiver(address());
      using notifier = new ServiceNotifier({ NOTIFY_SOCKET: address() }, assert.fail);
      notifier.ready('recording');
      notifier.status('a\nREADY=0\u0000');
      notifier.reloading();
      notifier.stopping();
      const [ready, status, reloading, stopping] = received(receiver);
      assert.equal(ready, 'READY=1\nSTATUS=recording');
      assert.equal(status, 'STATUS=a READY=0 ');
      assert.match(reloading!, /^RELOADING=1\nMONOTONIC_USEC=\d+$/);
      assert.equal(stopping, 'STOPPING=1');
    });

  it('gets nothing where it wants nothing', () => {
    for (const environment of [{}, { NOTIFY_SOCKET: '' }, { NOTIFY_SOCKET: 'vsock:2:1' }]) {
      using notifier = new ServiceNotifier(environment, assert.fail);
      notifier.ready('x');
      notifier.startWatchdog({ WATCHDOG_USEC: '1000' }, assert.fail);
    }
  });

  it('keeps a descriptor until it is no longer needed', () => {
    const path = join(folder, 'notify');
    using receiver = new UnixDatagramReceiver(path);
    using notifier = new ServiceNotifier({ NOTIFY_SOCKET: path }, assert.fail);
    notifier.store(1);
    notifier.store(undefined);
    const { description, descriptors } = receiver.receiveDescriptors()!;
    assert.equal(description, 'FDSTORE=1\nFDPOLL=0\nFDNAME=weir-handover');
    assert.equal(descriptors.length, 1);
    descriptors[0]![Symbol.dispose]();
    assert.deepEqual(receiver.receiveDescriptors(), {
      description: 'FDSTOREREMOVE=1\nFDNAME=weir-handover',
      descriptors: [],
    });
  });

  it('that is gone is a problem once, and no error', () => {
    const problems: string[] = [];
    using notifier = new ServiceNotifier({ NOTIFY_SOCKET: join(folder, 'gone') }, (text) =>
      problems.push(text),
    );
    notifier.ready('x');
    notifier.status('y');
    assert.equal(problems.length, 1);
    assert.match(problems[0]!, /^the service manager cannot be reached: .*ENOENT/);
  });

  it('hears from the watchdog for as long as the service is healthy', async () => {
    const environment = { NOTIFY_SOCKET: join(folder, 'notify'), WATCHDOG_USEC: '20000' };
    using receiver = new UnixDatagramReceiver(environment.NOTIFY_SOCKET);
    using notifier = new ServiceNotifier(environment, assert.fail);
    let isHealthy = true;
    notifier.startWatchdog(environment, () => isHealthy);
    const reports: string[] = [];
    for (const end = Date.now() + 60_000; reports.length < 3 && Date.now() < end; await sleep(5))
      reports.push(...received(receiver));
    assert.ok(reports.length >= 3 && reports.every((text) => text === 'WATCHDOG=1'), reports.join());
    isHealthy = false;
    await sleep(50);
    received(receiver);
    await sleep(50);
    assert.deepEqual(received(receiver), []);
  });
});

describe('the time of the watchdog', () => {
  it('is half of what the service manager waits', () => {
    assert.equal(watchdogIntervalMs({ WATCHDOG_USEC: '30000000' }, 7), 15_000);
    assert.equal(watchdogIntervalMs({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7' }, 7), 15_000);
  });

  it('is none where another process is watched, or none', () => {
    assert.equal(watchdogIntervalMs({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '8' }, 7), undefined);
    for (const time of ['', '0', '-1', 'x', '1e9'])
      assert.equal(watchdogIntervalMs({ WATCHDOG_USEC: time }, 7), undefined, time);
  });
});

describe('sockets by activation', () => {
  it('have their names', () => {
    const environment = { LISTEN_FDS: '3', LISTEN_PID: '7', LISTEN_FDNAMES: 'api::' };
    assert.deepEqual(inheritedSockets(environment, 7), [
      { fd: 3, name: 'api' },
      { fd: 4, name: 'unknown' },
      { fd: 5, name: 'unknown' },
    ]);
  });

  it('do not include what an earlier process has stored', () => {
    const environment = { LISTEN_FDS: '3', LISTEN_PID: '7', LISTEN_FDNAMES: 'api:weir-handover:other' };
    assert.deepEqual(inheritedSockets(environment, 7), [
      { fd: 3, name: 'api' },
      { fd: 5, name: 'other' },
    ]);
    assert.deepEqual(storedDescriptors(environment, 7), [4]);
    assert.deepEqual(storedDescriptors(environment, 8), []);
  });

  it('are none where they are for another process, or there are none', () => {
    assert.deepEqual(inheritedSockets({ LISTEN_FDS: '1', LISTEN_PID: '8' }, 7), []);
    assert.deepEqual(inheritedSockets({ LISTEN_FDS: '1' }, 7), []);
    assert.deepEqual(inheritedSockets({}, 7), []);
  });

  it('in numbers that make no sense are refused', () => {
    for (const count of ['', '-1', '1.5', '65', '9999', 'x'])
      assert.throws(() => inheritedSockets({ LISTEN_FDS: count, LISTEN_PID: '7' }, 7), {
        name: 'OptionError',
      });
  });
});
