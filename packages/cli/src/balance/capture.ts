/** `weir balance capture`. */

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { CaptureEnd } from '@weir/balancer/control';
import { isWritable } from '@weir/ebpf/sys';
import { ExitCode, UsageError } from '../failure.js';
import { Output } from '../output/output.js';
import type { RunHost } from '../run-host.js';
import { formatCount } from '../text/units.js';
import { Interruption } from '../trace/interruption.js';
import type { CaptureFlags } from './requests.js';
import { ask } from './running-balancer.js';

/** Captures until a signal, the duration, the count, or the reader of the output ends it. */
export async function capture(flags: CaptureFlags, host: RunHost, stdout: Output): Promise<ExitCode> {
  const output = await outputFor(flags.output, stdout);
  host.avoidWaiting?.(isWritable);
  const abort = new AbortController();
  const end = () => abort.abort();
  using _ = new Interruption(host.signals, end, (code) => host.exit(code));
  output.onBroken(end);
  const timer = flags.duration === undefined ? undefined : setTimeout(end, flags.duration);
  const { every, reason: reasons, miss: misses, bytes, count } = flags;
  const body = {
    ...(every !== undefined && { every }),
    ...(reasons !== undefined && { reasons }),
    ...(misses !== undefined && { misses }),
    ...(bytes !== undefined && { bytes }),
    ...(count !== undefined && { count }),
  };
  try {
    const came = await ask(flags, (client) =>
      client.capture(body, abort.signal, (piece) => output.writeData(piece)),
    );
    host.stderr.write(`weir: ${summary(came)}\n`);
  } finally {
    clearTimeout(timer);
    if (output !== stdout) await new Promise((resolve) => output.stream.end(resolve));
  }
  return ExitCode.ok;
}

/** @throws UsageError for a terminal, or a file that cannot be written. */
async function outputFor(file: string | undefined, stdout: Output): Promise<Output> {
  if (file === undefined) {
    if (stdout.stream.isTTY === true) throw new UsageError('capture: name a file by -o, or pipe the output');
    return stdout;
  }
  const stream = createWriteStream(file);
  try {
    await once(stream, 'open');
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
  return new Output(stream);
}

function summary({ packets, lost }: CaptureEnd): string {
  return `${formatCount(packets, 'packet')}${lost === 0 ? '' : `, ${lost.toLocaleString('en-US')} lost`}`;
}
