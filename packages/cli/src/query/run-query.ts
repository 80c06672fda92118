/** Runs `weir query` with the flags of its command line. */
import { isWritable } from '@weir/ebpf/sys';
import { InterruptedError } from '@weir/history';
import { ExitCode } from '../failure.js';
import type { Output } from '../output/output.js';
import type { RunHost } from '../run-host.js';
import { Interruption } from '../trace/interruption.js';
import { AnswerPrinter } from './answer-printer.js';
import { readAsked } from './asked.js';
import { historyFailure } from './history-failure.js';
import { openQuestions } from './open-questions.js';
import type { QueryRequest } from './query-command.js';

/**
 * The exit status is that of shells where a signal ended it.
 *
 * @throws UsageError for a question that makes no sense; HistoryError
 */
export async function runQuery(request: QueryRequest, host: RunHost, stdout: Output): Promise<number> {
  const asked = readAsked(request, BigInt(Date.now()) * 1_000_000n);
  host.avoidWaiting?.(isWritable);
  const ending = new AbortController();
  stdout.onBroken(() => ending.abort());
  // Half of an answer is of no use: nobody is waited for to read the rest.
  using interruption = new Interruption(
    host.signals,
    () => stdout.giveUp(),
    (code) => host.exit(code),
  );
  try {
    await using questions = await openQuestions(request.flags);
    const printer = new AnswerPrinter(questions, request.flags, host, stdout, ending.signal);
    await printer.answer(asked);
  } catch (error) {
    if (!(error instanceof InterruptedError && stdout.broken))
      throw historyFailure(error, request.flags.folder);
  }
  return interruption.exitCode ?? ExitCode.ok;
}
