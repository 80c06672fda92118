/**
 * The server's standard input: settings in its first line; then `reload` with other settings any number of times; and `stop`, or an end
 * without it, when the collector has died.
 */
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { FormatError } from '@weir/ebpf/errors';
import type { ServerSettings } from './settings.js';

/** The first line, to a server that has descriptors for the next collector: with those, it outlives its own. */
export const KEEP = 'keep';
/** The line with which the collector asks for other settings, before them. */
export const RELOAD = 'reload ';
/** The line that ends the server. */
export const STOP = 'stop';

/** The server's answers to a reload, a line of its standard output. */
export const RELOADED = 'reloaded';
/** Before the reason. */
export const REFUSED = 'refused ';

/** What comes from the collector. */
export interface ControlInput {
  /** Undefined where the collector has died before it gave them. */
  readonly settings: ServerSettings | undefined;
  /** Whether the server keeps descriptors for the next collector. */
  readonly keeps: boolean;
  /** Resolves when the server is to end. */
  readonly stopped: Promise<void>;
  /** Resolves when the collector has died. */
  readonly orphaned: Promise<void>;
  /** Called with settings that are to be used from now on. */
  onReload: (settings: ServerSettings) => void;
}

/** Reads the settings. @throws FormatError where there are none, and nothing is to be kept */
export async function readControl(input: Readable): Promise<ControlInput> {
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]();
  let first = await lines.next();
  const keeps = !first.done && first.value === KEEP;
  if (keeps) first = await lines.next();
  if (first.done && !keeps) throw new FormatError('the collector gave no settings');
  let stop = () => {};
  let orphan = () => {};
  const control: ControlInput = {
    settings: first.done ? undefined : (JSON.parse(first.value) as ServerSettings),
    keeps,
    stopped: new Promise((resolve) => {
      stop = resolve;
    }),
    orphaned: new Promise((resolve) => {
      orphan = resolve;
    }),
    onReload: () => {},
  };
  void (async () => {
    for (let next = await lines.next(); !next.done; next = await lines.next()) {
      if (next.value === STOP) return stop();
      if (next.value.startsWith(RELOAD)) control.onReload(JSON.parse(next.value.slice(RELOAD.length)));
    }
    orphan();
  })();
  return control;
}
