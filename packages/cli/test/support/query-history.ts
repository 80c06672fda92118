/** A history of one hour that the test makes, and `weir query` in this process. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { type EndRow, HistoryStore, type LossRow, type OpenRow } from '@weir/history';
import { timeText } from '@weir/history/rows';
import { lazyCommands } from '../../src/entries/lazy-commands.js';
import { runCommandLine } from '../../src/run-command-line.js';
import { Capture } from './captured-output.js';

export const SECOND = 1_000_000_000n;
/** 2025-11-24T15:00:00Z. */
export const START = 1_763_996_400n * SECOND;
export const END = START + 3600n * SECOND;
export const COUNT = 400;
/** A time as the command line takes it. */
export const at = (ns: bigint) => timeText(ns).replace('.000000000', '');
/** The hour of the history. */
export const hour = `${at(START)}..${at(END)}`;
export const hostile = '\u001b[2Jx,"\n';

/** A fixed sequence of random numbers. */
function generator(): (limit: number) => number {
  let state = 7;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

function endRows(): EndRow[] {
  const below = generator();
  return Array.from({ length: COUNT }, (_, index): EndRow => {
    const isFail = below(5) === 0;
    return {
      host_id: 7n,
      time: START + BigInt(index) * 9n * SECOND + BigInt(below(1e9)),
      monotonic_ns: 1000 + index,
      flow_ns: BigInt(index + 1),
      flow_cpu: below(4),
      transport: 'tcp',
      family: 'ipv4',
      local_address: '10.0.0.1',
      local_port: 40_000 + index,
      peer_address: `10.0.${below(2)}.${below(3)}`,
      peer_port: 443,
      direction: 'outbound',
      pid: 100 + below(9),
      comm: index === 3 ? hostile : ['curl', 'nginx'][below(2)]!,
      event: isFail ? 'fail' : 'close',
      ...(isFail
        ? { error: 'ECONNREFUSED' }
        : { closed_by: 'local', handshake_us: below(900), srtt_us: below(900) }),
      duration_us: below(100_000),
      bytes_sent: below(10_000),
      bytes_received: below(10_000),
      segments_sent: 10 + below(10),
      segments_received: 10,
      retransmits: below(3),
      interval_rows: 0,
    };
  });
}

/** The connections that ended. */
export const ends = endRows();

function openRow(port: number): OpenRow {
  return {
    ...{
      host_id: 7n,
      time: END,
      monotonic_ns: 9,
      flow_ns: BigInt(9000 + port),
      flow_cpu: 0,
      transport: 'tcp',
    },
    ...{
      family: 'ipv4',
      local_address: '10.0.0.1',
      local_port: port,
      peer_address: '10.0.0.9',
      peer_port: 22,
    },
    ...{ comm: 'ssh', pid: 5, state: 'established', started: END - 90n * SECOND, bytes_sent: 1500 },
  };
}

/** Makes the history, in which nothing was lost unless it is said, and leaves it open. */
export async function makeHistory(path: string, losses: readonly LossRow[] = []): Promise<HistoryStore> {
  const store = await HistoryStore.open({ folder: path, minimumFreeBytes: 0 });
  await store.append({
    ...{
      host_id: 7n,
      epoch: 'e'.repeat(32),
      number: 1,
      started: START,
      time: END,
      monotonic_ns: 1,
      goodbye: false,
    },
    ...{ ends, losses, opens: [openRow(1), openRow(2)], sweep: 'full' },
  });
  return store;
}

/** Runs `weir query`. */
export async function weirQuery(...args: string[]) {
  const [stdout, stderr] = [new Capture(), new Capture()];
  const host = {
    ...{ stdout, stderr, env: {}, signals: new EventEmitter(), exit: () => undefined },
    loadTracer: async () => assert.fail('weir query traces nothing'),
  };
  const code = await runCommandLine(['query', ...args], host, lazyCommands);
  return { code, stdout: stdout.text, stderr: stderr.text };
}
