/** The types that `--btf FILE` names: raw BTF, or as BTFHub keeps it, in a tar archive compressed with xz or gzip. */

import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { Btf } from '@weir/ebpf';
import { OptionError } from '@weir/ebpf';
import { UsageError } from './failure.js';
import type { TracerFactory } from './tracing.js';

/** BTF of the largest kernels has 10 MiB. A small file that unpacks to more than this was made to do harm. */
const MAX_BYTES = 64 << 20;
/** Where a tar header says that it is one (POSIX.1-2001 pax, "ustar"). */
const TAR_MAGIC = 257;

/** @throws UsageError that says what is wrong with the file. */
export async function readBtf(path: string, tracing: Pick<TracerFactory, 'parseBtf'>): Promise<Btf> {
  try {
    return tracing.parseBtf(await unpack(await readFile(path)));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(
      `--btf ${path}: ${reason}; expected a kernel's types as raw BTF (such as a copy of /sys/kernel/btf/vmlinux), ` +
        'or one of BTFHub’s .btf.tar.xz files',
      { cause: error },
    );
  }
}

async function unpack(bytes: Uint8Array): Promise<Uint8Array> {
  if (startsWith(bytes, [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])) return unpack(await unXz(bytes));
  if (startsWith(bytes, [0x1f, 0x8b])) {
    return unpack(await promisify(gunzip)(bytes, { maxOutputLength: MAX_BYTES }));
  }
  if (Buffer.from(bytes.subarray(TAR_MAGIC, TAR_MAGIC + 5)).equals(Buffer.from('ustar'))) return unTar(bytes);
  return bytes;
}

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, i) => bytes[i] === byte);
}

async function unXz(bytes: Uint8Array): Promise<Uint8Array> {
  const { XzReadableStream } = (await import('xz-decompress')).default;
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of new XzReadableStream(new Blob([Buffer.from(bytes)]).stream())) {
      length += chunk.length;
      if (length > MAX_BYTES) break;
      chunks.push(chunk);
    }
  } catch (error) {
    // The library's own words are numbers of liblzma.
    throw new OptionError('its xz compression is damaged or cut off', { cause: error });
  }
  if (length > MAX_BYTES) throw new OptionError(`it unpacks to more than ${MAX_BYTES} bytes`);
  return Buffer.concat(chunks);
}

async function unTar(bytes: Uint8Array): Promise<Uint8Array> {
  const { parseTar } = await import('nanotar');
  const file = parseTar(bytes, { filter: ({ name }) => name.endsWith('.btf') }).find(
    ({ data }) => data?.length,
  );
  if (file?.data === undefined) throw new OptionError('the archive has no file whose name ends in .btf');
  return file.data;
}
