/** What goes between the server and the process that has an imported file open. */
import type { ApiHistory, Range } from '../api/history.js';

/** Questions that are passed on. */
export const forwarded = [
  ...([
    'connections',
    'groups',
    'series',
    'openAt',
    'compare',
    'map',
    'connection',
    'losses',
    'hosts',
    'sql',
  ] as const),
] as const satisfies readonly (keyof ApiHistory)[];

/** The name of a question that is passed on. */
export type ForwardedName = (typeof forwarded)[number];

/** To the process. Its first message is the path of the file. */
export type ToImport =
  | { readonly kind: 'open'; readonly path: string; readonly temporary: string }
  | {
      readonly kind: 'ask';
      readonly id: number;
      readonly name: ForwardedName;
      readonly values: readonly unknown[];
    }
  | { readonly kind: 'abort'; readonly id: number };

/** From the process. */
export type FromImport =
  | { readonly kind: 'opened'; readonly range: Range }
  | { readonly kind: 'failed'; readonly error: PlainError }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'refusal'; readonly id: number; readonly error: PlainError };

/** An error as another process can have it. */
export interface PlainError {
  readonly name: string;
  readonly message: string;
}

/** The process with an imported file, as much of it as is used. */
export interface ImportProcess {
  readonly connected: boolean;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'exit', listener: (code: number | null, signal: string | null) => void): unknown;
  send(message: ToImport): unknown;
  kill(signal?: 'SIGKILL'): unknown;
}
