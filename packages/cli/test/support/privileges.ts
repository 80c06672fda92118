/** What the real `weir` does with the privileges that a prefix of its command line leaves it. */
import assert from 'node:assert/strict';
import { kernelAtLeast } from '@weir/ebpf';
import type { HostReport, LostRecord } from '@weir/tracer';
import { onlyLine, runWeir, traceWhile } from './command.js';
import { TestNetns } from './load.js';
import { parseLines } from './record-shape.js';

/** Traces two connections; a tracer that may not see everything would not print all of their eight lines. */
export async function assertTraces(prefix: readonly string[]): Promise<void> {
  using netns = new TestNetns();
  const args = ['--json', '--netns', String(netns.inode)];
  const { status, stdout, stderr } = await traceWhile(
    args,
    () => netns.load('pairs', '--count', '2'),
    prefix,
  );
  assert.equal(status, 0, stderr);
  assertPairs(2, stdout, stderr);
  parseLines(stdout.replace(/^.*"event":"lost".*\n/gm, ''));
}

/**
 * The events of so many pairs are there, or counted. Without tracefs, which is root's, a change of state is seen by a raw tracepoint:
 * since Linux 6.13 a process can be preempted in its program, which the kernel then skips for others.
 */
export function assertPairs(count: number, stdout: string, stderr: string): void {
  const records = stdout
    .split(/^(?=.)/m)
    .map((line) => JSON.parse(line) as LostRecord | { readonly event: 'accept' | 'close' | 'connect' });
  const losses = records.filter((record) => record.event === 'lost');
  const events = records.filter((record) => record.event !== 'lost');
  const missing = Array.from({ length: count }, () => ['accept', 'close', 'close', 'connect']).flat();
  for (const { event } of events) {
    assert.ok(missing.includes(event), `one ${event} too many in ${stdout}`);
    missing.splice(missing.indexOf(event), 1);
  }
  if (losses.length === 0) {
    assert.deepEqual(missing, [], stdout);
    assert.match(onlyLine(stderr), new RegExp(`^${events.length} events in .*; none lost$`));
    return;
  }
  assert.ok(kernelAtLeast('6.13'), stdout);
  for (const { where } of losses) assert.match(where, /^(probe|missed)$/);
  const skipped = losses.reduce((sum, loss) => sum + loss.count, 0);
  assert.ok(missing.length <= skipped, `${missing.join(', ')} missing in ${stdout}${stderr}`);
  assert.match(stderr, /^weir: \d+ events in [^;]*\n(weir: \d+ events? lost: the kernel .*\n)+$/);
}

export async function assertRefused(prefix: readonly string[], line: RegExp): Promise<void> {
  const trace = await runWeir(['trace', '--duration', '1s'], prefix);
  assert.equal(trace.status, 1);
  assert.equal(trace.stdout, '');
  assert.match(onlyLine(trace.stderr), line);
}

type DoctorReport = Pick<HostReport, 'ok' | 'capabilities' | 'features' | 'hooks' | 'problems'>;

export async function doctor(
  prefix: readonly string[],
): Promise<{ readonly status: number | null; readonly report: DoctorReport }> {
  const { status, stdout } = await runWeir(['doctor', '--json'], prefix);
  return { status, report: JSON.parse(stdout) as DoctorReport };
}
