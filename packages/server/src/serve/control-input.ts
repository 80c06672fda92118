/** The server's standard input: settings in its first line, then `stop`, or an end without it, when the collector has died. */
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { FormatError } from '@weir/ebpf/errors';
import type { ServerSettings } from './settings.js';

/** What comes from the collector. */
export interface ControlInput {
  readonly settings: ServerSettings;
  /** Resolves when the server is to end. */
  readonly stopped: Promise<void>;
  /** Resolves when the collector has died. */
  readonly orphaned: Promise<void>;
}

/** Reads the settings. @throws FormatError where there are none */
export async function readControl(input: Readable): Promise<ControlInput> {
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.done) throw new FormatError('the collector gave no settings');
  const settings = JSON.parse(first.value) as ServerSettings;
  const next = lines.next();
  const isStop = next.then(({ done, value }) => !done && value === 'stop');
  return {
    settings,
    stopped: isStop.then((stop) => (stop ? undefined : new Promise<never>(() => {}))),
    orphaned: isStop.then((stop) => (stop ? new Promise<never>(() => {}) : undefined)),
  };
}
