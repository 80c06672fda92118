/** Runs `weir top --at` with the flags of its command line. */
import { OptionError } from '@weir/ebpf/errors';
import { isWritable } from '@weir/ebpf/sys';
import { parseTime, systemZone } from '@weir/history/query';
import { type ExitCode, UsageError } from '../../failure.js';
import type { Output } from '../../output/output.js';

import { historyFailure } from '../../query/history-failure.js';
import { openQuestions } from '../../query/open-questions.js';
import type { RunHost } from '../../run-host.js';
import { paintFor } from '../../text/colour.js';
import { isPrinted, type TopFlags, topRequest } from '../top-flags.js';
import type { PastRequest } from './past-scene.js';
import { runPastSession } from './past-session.js';

/** Rows that a history gives of a moment at most. */
const MOST_ROWS = 100_000;
const DEFAULT_ROWS = 10_000;
const DEFAULT_STEP_MS = 1_000;
const DEFAULT_FOLDER = '/var/lib/weir';

/** @throws UsageError for a time or an option that makes no sense; HistoryError */
export async function runPast(flags: TopFlags, host: RunHost, stdout: Output): Promise<ExitCode> {
  const request = pastRequest(flags, host, BigInt(Date.now()) * 1_000_000n);
  const { folder = DEFAULT_FOLDER } = flags;
  host.avoidWaiting?.(isWritable);
  try {
    await using questions = await openQuestions({ ...flags, folder });
    return await runPastSession(
      { ...request, limit: Math.min(request.limit, questions.mostRows ?? MOST_ROWS) },
      questions,
      {
        stdout,
        terminal: isPrinted(flags) ? undefined : host.terminal?.(),
        signals: host.signals,
        exit: host.exit,
      },
    );
  } catch (error) {
    throw historyFailure(error, folder);
  }
}

function pastRequest(flags: TopFlags, host: RunHost, now: bigint): PastRequest {
  checkFlags(flags);
  const paint = paintFor(flags.color, host.stdout.isTTY === true, host.env);
  const width = host.stdout.isTTY ? host.stdout.columns : undefined;
  const { tcp, udp, ipv6, netns, limit = DEFAULT_ROWS, interval = DEFAULT_STEP_MS, count = 1 } = flags;
  return {
    ...topRequest(flags, paint, width),
    at: momentOf(flags.at!, now),
    contents: { tcp, udp, ipv6, netns },
    limit: Math.min(limit, MOST_ROWS),
    count: flags.once ? 1 : count,
    intervalMs: interval,
  };
}

/** Flags that are about a tracer. */
const liveFlags = {
  tcpIdle: '--tcp-idle',
  udpIdle: '--udp-idle',
  resolve: '--resolve',
  ringSize: '--ring-size',
  btf: '--btf',
} as const satisfies Partial<Record<keyof TopFlags, string>>;

function checkFlags(flags: TopFlags): void {
  for (const [name, flag] of Object.entries(liveFlags)) {
    if (flags[name as keyof typeof liveFlags] === undefined) continue;
    throw new UsageError(`${flag} is about what is live: leave it out with --at`);
  }
}

function momentOf(text: string, now: bigint): bigint {
  try {
    return parseTime(text, { now, zone: systemZone() });
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    throw new UsageError(`--at: ${error.message}`, { cause: error });
  }
}
