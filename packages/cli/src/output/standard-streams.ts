/**
 * The only place where Weir touches the descriptors 0, 1 and 2. The streams that Node.js makes for them, behind
 * `process.stdout` and the like, are not used: merely asking for one sets O_NONBLOCK on an open file that others share, for
 * good where the process is killed.
 */
import { fstatSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { Readable, Writable } from 'node:stream';
import { isatty, ReadStream } from 'node:tty';
import { inCharset } from '../text/charset.js';
import { DescriptorStream, InheritedStream } from './descriptor-stream.js';
import type { OutputStream } from './output.js';
import { closeQuietly, openToRead, openToWrite } from './own-file.js';
import { TerminalStream } from './terminal-stream.js';

/** A stream to standard output (1) or standard error (2). */
export function openStandard(fd: 1 | 2): OutputStream {
  const kind = kindOf(fd);
  // Lines of others go to the same file: its offset is theirs, too. Writes to it do not wait for a reader.
  if (kind === 'file') return new DescriptorStream(fd);
  if (kind === 'socket') return new InheritedStream(fd);
  const own = openToWrite(fd);
  if (own === 'gone') return new WithoutReader();
  if (kind === 'terminal') return new TerminalStream(own === 'denied' ? fd : own.fd);
  return own === 'denied' ? new InheritedStream(fd) : new Socket({ ...own, readable: false, writable: true });
}

/** Keys from the terminal that standard input is connected to; undefined where that is none, or cannot be opened. */
export function openKeys(): ReadStream | undefined {
  if (!isatty(0)) return undefined;
  const own = openToRead(0);
  return typeof own === 'string' ? undefined : new ReadStream(own.fd);
}

/** Has whatever asks Node.js for a standard stream, as its own sockets do when they close, get Weir's. */
export function replaceRuntimeStreams(stdout: OutputStream, stderr: OutputStream): void {
  const stdin = Readable.from([]);
  for (const [name, stream] of Object.entries({ stdin, stdout, stderr })) {
    Object.defineProperty(process, name, { configurable: true, enumerable: true, get: () => stream });
  }
}

/** Writes to standard error before it returns, for a process that is about to end. */
export function writeLastWords(text: string): void {
  const bytes = Buffer.from(inCharset(text));
  const deadline = performance.now() + 1000;
  for (let offset = 0; offset < bytes.length && performance.now() < deadline; ) {
    try {
      offset += writeSync(2, bytes, offset);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/**
 * Has Node.js leave the standard descriptors alone when the process exits, or is ended by a signal. It would set a terminal's
 * modes, and O_NONBLOCK, as it found them at its start, though others may have changed them since, and abort where a terminal
 * is gone. It passes over closed ones.
 */
export function leaveAsTheyAre(): void {
  process.once('exit', () => [0, 1, 2].forEach(closeQuietly));
  // When the last listener of a signal goes, so does what Node.js does for it: the kernel then ends the process.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const listener = () => undefined;
    process.on(signal, listener);
    process.off(signal, listener);
  }
}

type Kind = 'terminal' | 'pipe' | 'socket' | 'file';

function kindOf(fd: number): Kind {
  if (isatty(fd)) return 'terminal';
  const stat = fstatSync(fd);
  if (stat.isFIFO()) return 'pipe';
  return stat.isSocket() ? 'socket' : 'file';
}

/** A pipe whose reader was gone before anything was written. */
class WithoutReader extends Writable {
  override _write(_: Buffer, __: BufferEncoding, callback: (error?: Error | null) => void): void {
    callback(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
  }
}
