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

/** @throws UsageError for a question that makes no sense; HistoryError */
export async function runQuery(request: QueryRequest, host: RunHost, stdout: Output): Promise<ExitCode> {
  const asked = readAsked(request, BigInt(Date.now()) * 1_000_000n);
  host.avoidWaiting?.(isWritable);
  const ending = new AbortController();
  using _interruption = new Interruption(
    host.signals,
    () => ending.abort(),
    (code) => host.exit(code),
  );
  stdout.onBroken(() => ending.abort());
  try {
    await using questions = await openQuestions(request.flags);
    const printer = new AnswerPrinter(questions, request.flags, host, stdout, ending.signal);
    await printer.answer(asked);
  } catch (error) {
    if (error instanceof InterruptedError && stdout.broken) return ExitCode.ok;
    throw historyFailure(error, request.flags.folder);
  }
  return ExitCode.ok;
}
