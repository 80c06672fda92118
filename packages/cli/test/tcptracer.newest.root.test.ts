/** `weir trace --format tcptracer` and `--watch-fds` as users run them, line for line what happened. */
import assert from 'node:assert/strict';
import { closeSync, existsSync, openSync } from 'node:fs';
import { cpus } from 'node:os';
import { it } from 'node:test';
import { features } from '@weir/ebpf';
import { onlyLine, runWeir, traceWhile } from './support/command.js';
import { type End, TestNetns, type Truth } from './support/load.js';

/** What watching descriptors takes; every kernel of the lab has it. */
const canWatchFds = existsSync('/sys/bus/event_source/devices/kprobe');

const OPENED = 20;

/** Lines without the moment and the CPU, which nobody else knows. */
function linesOf({ client, server }: Truth, netns: number): string[] {
  const line = (type: string, own: End, other: End) =>
    `${type} ${own.pid} weir-load ${own.address}:${own.port} ${other.address}:${other.port} ${netns}`;
  return [
    line('connect', client, server),
    line('accept', server, client),
    line('close', client, server),
    line('close', server, client),
  ];
}

/** Checks what each line begins with, and that time does not go back. @returns the rest of each. */
function withoutMoments(lines: readonly string[]): string[] {
  let last = 0;
  return lines.map((line) => {
    const match = /^(\d+) cpu#(\d+) (.+)$/.exec(line);
    assert.ok(match, line);
    assert.ok(Number(match[1]) >= last, `${line}: before ${last}`);
    assert.ok(Number(match[2]) < cpus().length, line);
    last = Number(match[1]);
    return match[3]!;
  });
}

/** Gets descriptors, as any program does, and gives them back. */
function openFiles(): number[] {
  const opened = Array.from({ length: OPENED }, () => openSync('/dev/null', 'r'));
  opened.forEach(closeSync);
  return opened;
}

/** Node.js may have opened something else meanwhile, but not in between. */
function assertContains(printed: readonly number[], opened: readonly number[]): void {
  const start = printed.findIndex((_, at) => opened.every((fd, offset) => printed[at + offset] === fd));
  assert.ok(start >= 0, `opened ${opened}, printed ${printed}`);
}

/** The descriptors that lines say this process got. */
function descriptors(lines: readonly string[]): number[] {
  return lines.map((line) => {
    const match = /^fdinstall (\d+) \S+ (\d+)$/.exec(line);
    assert.equal(match?.[1], String(process.pid), line);
    return Number(match![2]);
  });
}

it('--format tcptracer: a line for each connect, accept, close and watched descriptor, and nothing else', async () => {
  using netns = new TestNetns();
  const watched = canWatchFds ? String(process.pid) : '';
  const args = ['--format', 'tcptracer', '--netns', netns.name, '--monitor-fdinstall-pids', watched];
  const { status, stdout, stderr, result } = await traceWhile(args, async () => ({
    first: await netns.load('pairs', '--count', '10', '--send', '5', '--closer', 'client'),
    second: await netns.load('pairs', '--count', '10', '--closer', 'server', '--family', '6'),
    opened: openFiles(),
    third: await netns.load('pairs', '--count', '10', '--closer', 'reset-server', '--family', 'mapped'),
    refused: await netns.load('refused', '--count', '3'),
  }));
  assert.deepEqual([status, stderr], [0, '']);
  const lines = stdout.trimEnd().split('\n');
  if (canWatchFds) assert.equal(lines.shift(), `Monitor fdinstall events for pid ${process.pid}`);
  const printed = withoutMoments(lines);
  const isDescriptor = (line: string) => line.startsWith('fdinstall ');
  const pairs = [...result.first, ...result.second, ...result.third];
  assert.deepEqual(
    printed.filter((line) => !isDescriptor(line)).sort(),
    pairs.flatMap((pair) => linesOf(pair, netns.inode)).sort(),
  );
  const fds = descriptors(printed.filter(isDescriptor));
  if (canWatchFds) assertContains(fds, result.opened);
  else assert.deepEqual(fds, []);
});

if (canWatchFds) {
  it('prints with --watch-fds a record for each descriptor', async () => {
    using netns = new TestNetns();
    const args = ['--json', '--netns', netns.name, '--watch-fds', String(process.pid)];
    const { stdout, stderr, result } = await traceWhile(args, async () => openFiles());
    const records = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    for (const { event, process: owner } of records) {
      assert.deepEqual([event, owner.pid], ['fd_install', process.pid]);
    }
    assertContains(
      records.map(({ fd }) => fd),
      result,
    );
    assert.match(onlyLine(stderr), new RegExp(`^${records.length} events in .*fd_install; none lost$`));
  });
} else {
  it('refuses --watch-fds in one line on a kernel without a hook for it', async () => {
    // A policy that denies trampolines does not say that the kernel has none.
    const isDenied = features.probe('fentry').state === 'unknown';
    const { status, stdout, stderr } = await runWeir(['trace', '--json', '--watch-fds', '1']);
    assert.deepEqual([status, stdout], [1, '']);
    const refusal = isDenied ? 'a hook for fd_install cannot be found out' : 'no hook for fd_install';
    assert.match(onlyLine(stderr), new RegExp(`${refusal}: .*CONFIG_KPROBES`));
  });
}
