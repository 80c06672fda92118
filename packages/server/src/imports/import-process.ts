/**
 * The process that has an imported file open. It reads what others have made, so it is not the server: when it fails, or is ended, only
 * the questions to that file are.
 */
import { ExportedHistory } from '@weir/history';
import type { ApiHistory } from '../api/history.js';
import { readerHistory } from '../api/stored-history.js';
import type { FromImport, PlainError, ToImport } from './import-protocol.js';

/** A process with a channel to its parent. */
export interface ImportChannel {
  send(message: FromImport): void;
  onMessage(handle: (message: ToImport) => void): void;
}

/** Serves one file until the channel is closed. @returns what closes the file */
export function serveImport(channel: ImportChannel): () => Promise<void> {
  const questions = new Map<number, AbortController>();
  let history: ApiHistory | undefined;
  let exported: ExportedHistory | undefined;
  channel.onMessage((message) => {
    if (message.kind === 'abort') questions.get(message.id)?.abort();
    else if (message.kind === 'ask') void ask(message);
    else void open(message.path, message.temporary);
  });

  return async () => {
    for (const question of questions.values()) question.abort();
    await exported?.close();
  };

  async function open(path: string, temporary: string): Promise<void> {
    try {
      exported = await ExportedHistory.open(path, { temporary });
      history = readerHistory(exported);
      channel.send({ kind: 'opened', range: exported.range });
    } catch (error) {
      channel.send({ kind: 'failed', error: plainError(error) });
    }
  }

  async function ask({ id, name, values }: Extract<ToImport, { kind: 'ask' }>): Promise<void> {
    const abort = new AbortController();
    questions.set(id, abort);
    try {
      const question = history![name] as (...values: unknown[]) => Promise<unknown>;
      const value = await question(...values.map((value) => withSignal(value, abort.signal)));
      channel.send({ kind: 'answer', id, value });
    } catch (error) {
      channel.send({ kind: 'refusal', id, error: plainError(error) });
    } finally {
      questions.delete(id);
    }
  }
}

/** Signals do not go from one process to another: where one was is marked. */
function withSignal(value: unknown, signal: AbortSignal): unknown {
  const isMarked = typeof value === 'object' && value !== null && 'signal' in value;
  return isMarked ? { ...value, signal } : value;
}

function plainError(error: unknown): PlainError {
  return error instanceof Error
    ? { name: error.name, message: error.message }
    : { name: 'Error', message: String(error) };
}
