/** `weir serve --server`: the server's process, which a collector starts. */
import { Socket } from 'node:net';
import { FormatError } from '@weir/ebpf/errors';
import { isWritable } from '@weir/ebpf/sys';
import { runServer as serve } from '@weir/server/serve';
import { ExitCode } from '../failure.js';
import type { Output } from '../output/output.js';
import type { RunHost } from '../run-host.js';
import { escapeText } from '../text/escape.js';
import { explained, pageFolder } from './serve-process.js';

/** Runs as the server of a collector. Ctrl-C in a terminal reaches it, too; the collector then ends it in order. */
export async function runServer(host: RunHost, stdout: Output): Promise<ExitCode> {
  host.avoidWaiting?.(isWritable);
  const say = (line: string) => host.stderr.write(`weir: server: ${escapeText(line)}\n`);
  let end: () => void = () => undefined;
  const signalled = new Promise<void>((resolve) => {
    end = resolve;
  });
  process.on('SIGINT', () => undefined);
  // The collector says what is to be read again.
  process.on('SIGHUP', () => undefined);
  process.on('SIGTERM', () => end());
  const answer = (line: string) => void stdout.writeData(`${line}\n`);
  // A file of tokens that cannot be used stays so.
  const input = new Socket({ fd: 0 });
  await explained(serve({ input, answer, say, signalled, pageFolder: pageFolder() }), [FormatError]);
  return ExitCode.ok;
}
