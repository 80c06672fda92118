/** Prints what programs send and receive by TLS, before it is encrypted and after it was decrypted. */
import { runWith, table } from '../run.js';
import { load } from './generated/sslsnoop.js';

interface Options {
  /** Only this process. */
  readonly pid?: number;
  /** The file that has OpenSSL: a library by name or path, or a program with OpenSSL in it, as Node.js is. */
  readonly library?: string;
}

const programs = {
  ...{
    onWrite: 'SSL_write',
    onWriteEnd: 'SSL_write',
    onWriteEx: 'SSL_write_ex',
    onWriteExEnd: 'SSL_write_ex',
  },
  ...{ onRead: 'SSL_read', onReadEnd: 'SSL_read', onReadEx: 'SSL_read_ex', onReadExEnd: 'SSL_read_ex' },
} as const;

export async function* sslsnoop({ pid = 0, library = 'libssl.so.3' }: Options = {}): AsyncGenerator<string> {
  using tool = load({ globals: { onlyPid: pid } });
  const targets = Object.entries(programs).map(([program, name]) => [
    program,
    { target: `${library}:${name}` },
  ]);
  tool.attach(Object.fromEntries(targets));
  const row = table(-15, 7, -8, 7);
  yield row('process', 'pid', '', 'bytes', 'text');
  for await (const { comm, pid, received, length, data } of tool.maps.events.reader()) {
    const text = Buffer.from(data).toString('utf8', 0, length);
    yield row(comm, pid, received ? 'received' : 'sent', length, text.replace(/\r?\n/g, '↵'));
  }
}

await runWith(import.meta.url, sslsnoop, { pid: Number, library: String });
