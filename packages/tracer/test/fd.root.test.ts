/** File descriptors of watched processes, where the kernel has a hook; elsewhere, an error that says so. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { features, UnknownFeatureError, UnsupportedError } from '@weir/ebpf';
import { type FdInstallRecord, type TraceRecord, Tracer } from '../src/index.js';
import { assertComplete, collect } from './support/collect.js';
import { canWatchFds, DescriptorProcess } from './support/descriptors.js';
import { assertPairs } from './support/expect.js';
import { runLoad } from './support/load.js';
import { TestNetns } from './support/netns.js';

const FILES = 100;

/** A policy that denies trampolines does not say that the kernel has none. */
const isDenied = features.probe('fentry').state === 'unknown';
const noHookError = isDenied ? UnknownFeatureError : UnsupportedError;

/**
 * Nothing else than what is watched: filters do not apply to it. No namespace has this number; connections of others from before
 * the start would be undecided by the pid alone.
 */
const nobody = { filter: { pids: [process.pid], netns: [1] } };

function fdsOf(records: readonly TraceRecord[], pid: number): readonly FdInstallRecord[] {
  return records
    .filter((record) => record.event === 'fd_install')
    .filter(({ process }) => process.pid === pid);
}

const numbers = (records: readonly FdInstallRecord[]) => records.map(({ fd }) => fd);

/** Programs that this process holds, by kind of hook. */
function programs(): number {
  return readdirSync('/proc/self/fdinfo').filter((name) => {
    try {
      return /^prog_type:/m.test(readFileSync(`/proc/self/fdinfo/${name}`, 'utf8'));
    } catch {
      // The descriptor that listed the folder is gone by now.
      return false;
    }
  }).length;
}

const tables = [
  ['the best hook', features],
  ['no kprobes: a trampoline, where there are any', features.without('kprobes', 'kprobe_pmu')],
  ['Linux 4.18: a kprobe, a perf buffer', features.asOf('4.18')],
] as const;

if (canWatchFds()) {
  // One for all tests: starting Node.js takes a second in a guest.
  const watched = await DescriptorProcess.start();
  after(() => watched[Symbol.dispose]());

  describe('every descriptor that a watched process gets is reported', () => {
    for (const [name, table] of tables) {
      it(name, async () => {
        const collected = await collect({ ...nobody, features: table }, async (tracer) => {
          const { chosen } = tracer.plan.find(({ purpose }) => purpose.includes('descriptors'))!;
          if (chosen === undefined) {
            assert.throws(() => tracer.watchFds(watched.pid), noHookError);
            return [];
          }
          tracer.watchFds(watched.pid);
          return await watched.get(FILES);
        });
        const records = fdsOf(collected.records, watched.pid);
        assert.deepEqual(numbers(records), collected.result);
        assert.equal(collected.records.length, records.length);
        assert.equal(collected.stats.produced.fd_install, records.length);
        // Types that were found out do not say where a process keeps its namespaces.
        const expectedNetns = table.has('kernel_btf') ? statSync('/proc/self/ns/net').ino : undefined;
        for (const { process, netns, cpu, monotonic_ns } of records) {
          assert.equal(process.tid, watched.pid);
          assert.equal(process.comm, 'node');
          assert.equal(process.uid, 0);
          assert.equal(netns, expectedNetns);
          assert.ok(cpu >= 0 && monotonic_ns > 0);
        }
        assertComplete(collected);
      });
    }
  });

  describe('watching descriptors', () => {
    it('begins and ends for each process separately, and keeps the program attached only meanwhile', async () => {
      using other = await DescriptorProcess.start();
      const collected = await collect(nobody, async (tracer) => {
        const before = programs();
        await watched.get(5);
        tracer.watchFds(watched.pid);
        tracer.watchFds(watched.pid);
        assert.equal(programs(), before + 1);
        const expected = [await watched.get(5)];
        await other.get(5);
        tracer.watchFds(other.pid);
        assert.equal(programs(), before + 1);
        const expectedOfOther = await other.get(7);
        tracer.unwatchFds(watched.pid);
        tracer.unwatchFds(process.pid);
        await watched.get(5);
        tracer.unwatchFds(other.pid);
        assert.equal(programs(), before);
        await other.get(5);
        tracer.watchFds(watched.pid);
        expected.push(await watched.get(3));
        return { expected: expected.flat(), expectedOfOther };
      });
      assert.deepEqual(numbers(fdsOf(collected.records, watched.pid)), collected.result.expected);
      assert.deepEqual(numbers(fdsOf(collected.records, other.pid)), collected.result.expectedOfOther);
      assertComplete(collected);
    });

    it('ends with the process, whose pid another may get', async () => {
      await using tracer = Tracer.start(nobody);
      const before = programs();
      const ending = await DescriptorProcess.start();
      tracer.watchFds(ending.pid);
      assert.equal(programs(), before + 1);
      ending[Symbol.dispose]();
      for (const end = Date.now() + 60_000; programs() > before && Date.now() < end; ) await sleep(10);
      assert.equal(programs(), before);
    });

    it('loses no events of connections that are made meanwhile', async () => {
      using netns = new TestNetns();
      const collected = await collect({ filter: { netns: [netns.inode] } }, async (tracer) => {
        tracer.watchFds(watched.pid);
        const load = ['pairs', '--count', '200', '--concurrency', '4'];
        const [pairs, fds] = await Promise.all([runLoad(netns, ...load), watched.get(500)]);
        return { pairs, fds };
      });
      const connections = collected.records.filter(({ event }) => event !== 'fd_install');
      assertPairs(connections, collected.result.pairs, {
        netns: netns.inode,
        type: 'ipv4',
      });
      assert.deepEqual(numbers(fdsOf(collected.records, watched.pid)), collected.result.fds);
      assertComplete(collected);
    });

    it('is in order with the events of connections, and reaches listeners', async () => {
      await using tracer = Tracer.start({ filter: { pids: [watched.pid], events: ['connect', 'accept'] } });
      const seen: string[] = [];
      tracer.on('record', ({ event }) => seen.push(event));
      let heard = 0;
      tracer.on('fd_install', ({ fd }) => {
        assert.ok(fd > 2);
        heard++;
      });
      const ended = new Promise<void>((resolve) => tracer.on('end', resolve));
      tracer.watchFds(watched.pid);
      await watched.get(0);
      await tracer.stop();
      await ended;
      // A listening socket and one that connects; then the connection is established, then its other end.
      assert.deepEqual(seen.slice(0, 3), ['fd_install', 'fd_install', 'connect']);
      assert.deepEqual(seen.slice(3).sort(), ['accept', 'fd_install']);
      assert.equal(heard, 3);
      assert.throws(() => tracer.watchFds(watched.pid), /stopped/);
    });
  });
} else {
  it('watching descriptors on a kernel without a hook throws, and tracing goes on', async () => {
    const collected = await collect(nobody, async (tracer) => {
      const before = programs();
      assert.throws(
        () => tracer.watchFds(1),
        (error: unknown) =>
          error instanceof noHookError &&
          /fd_install/.test(error.message) &&
          /CONFIG_KPROBES/.test(error.message) &&
          (isDenied ? /EPERM/ : /CONFIG_FUNCTION_TRACER/).test(error.message),
      );
      tracer.unwatchFds(1);
      assert.equal(programs(), before);
    });
    assert.deepEqual(collected.records, []);
    assertComplete(collected);
  });
}

it('watching a number that is no process id is refused', () => {
  using tracer = Tracer.start(nobody);
  for (const pid of [0, -1, 1.5, 2 ** 22 + 1, Number.NaN]) {
    assert.throws(() => tracer.watchFds(pid), { name: 'OptionError', message: /process id/ });
  }
});
