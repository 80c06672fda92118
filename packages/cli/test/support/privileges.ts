/** What the real `weir` does with the privileges that a prefix of its command line leaves it. */
import assert from 'node:assert/strict';
import type { HostReport } from '@weir/tracer';
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
  assert.equal(parseLines(stdout).length, 8);
  assert.match(onlyLine(stderr), /^8 events in .*; none lost$/);
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
