/** Runs `weir query` with the flags of its command line. */
import { OptionError } from '@weir/ebpf/errors';
import { HistoryInUseError, InterruptedError } from '@weir/history';
import { ExitCode, UsageError } from '../failure.js';
import type { Output } from '../output/output.js';
import type { RunHost } from '../run-host.js';
import { Interruption } from '../trace/interruption.js';
import { AnswerPrinter } from './answer-printer.js';
import { readAsked } from './asked.js';
import { openQuestions } from './open-questions.js';
import type { QueryRequest } from './query-command.js';

/** @throws UsageError for a question that makes no sense; HistoryError */
export async function runQuery(request: QueryRequest, host: RunHost, stdout: Output): Promise<ExitCode> {
  const asked = readAsked(request, BigInt(Date.now()) * 1_000_000n);
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
    throw explained(error, request.flags.folder);
  }
  return ExitCode.ok;
}

function explained(error: unknown, folder: string): unknown {
  if (error instanceof OptionError) return new UsageError(error.message, { cause: error });
  if (error instanceof HistoryInUseError) {
    const what = `${folder}: weir serve has this history open; end it, or ask a file that was exported`;
    return new HistoryInUseError(what, { cause: error });
  }
  return error;
}
