/** Reads the file that `--btf FILE` names: raw BTF, or as BTFHub keeps it, in a tar archive compressed with xz or gzip. */

import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Btf } from '@weir/ebpf';
import { FormatError, OptionError } from '@weir/ebpf';
import { UsageError } from './failure.js';
import type { TracerFactory } from './tracing.js';

/** BTF of the largest kernels has 10 MiB. A small file that unpacks to more than this was made to do harm. */
const MAX_BYTES = 64 << 20;
/** Offset of the magic bytes "ustar" in a tar header (POSIX.1-2001 pax). */
const tarMagicOffset = 257;

/**
 * The kernel's types that `--btf` asks for; undefined: the best that this host has.
 *
 * @throws UsageError that says what is wrong with the file.
 */
export async function requestedTypes(
  flag: string | undefined,
  tracing: TracerFactory,
): Promise<Btf | 'discover' | undefined> {
  return flag === undefined || flag === 'discover' ? flag : readBtf(flag, tracing);
}

/** @throws UsageError that says what is wrong with the file. */
export async function readBtf(path: string, tracing: Pick<TracerFactory, 'parseBtf'>): Promise<Btf> {
  try {
    return tracing.parseBtf(await unpack(await readFile(path)));
  } catch (error) {
    if (!isAboutFile(error)) throw error;
    throw new UsageError(
      `--btf ${path}: ${error.message}; expected a kernel's types as raw BTF (such as a copy of /sys/kernel/btf/vmlinux), ` +
        'or one of BTFHub’s .btf.tar.xz files',
      { cause: error },
    );
  }
}

/** Whether the file is to blame: it cannot be read, or holds something else. Any other error is one of Weir's. */
function isAboutFile(error: unknown): error is Error {
  const isRefused = error instanceof Error && 'syscall' in error;
  return isRefused || error instanceof FormatError || error instanceof OptionError;
}

async function unpack(bytes: Uint8Array): Promise<Uint8Array> {
  if (startsWith(bytes, [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])) return unpack(await unXz(bytes));
  if (startsWith(bytes, [0x1f, 0x8b])) {
    return unpack(await unGzip(bytes));
  }
  if (Buffer.from(bytes.subarray(tarMagicOffset, tarMagicOffset + 5)).equals(Buffer.from('ustar')))
    return unTar(bytes);
  return bytes;
}

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, i) => bytes[i] === byte);
}

async function unGzip(bytes: Uint8Array): Promise<Uint8Array> {
  const { gunzip } = await import('node:zlib');
  try {
    return await promisify(gunzip)(bytes, { maxOutputLength: MAX_BYTES });
  } catch (error) {
    const isTooLarge = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
    throw isTooLarge
      ? tooLarge()
      : new OptionError('its gzip compression is damaged or cut off', { cause: error });
  }
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
  if (length > MAX_BYTES) throw tooLarge();
  return Buffer.concat(chunks);
}

function tooLarge(): OptionError {
  return new OptionError(`it unpacks to more than ${MAX_BYTES} bytes`);
}

async function unTar(bytes: Uint8Array): Promise<Uint8Array> {
  const { parseTar } = await import('nanotar');
  const isBtf = ({ name }: { readonly name: string }) => name.endsWith('.btf');
  let data: Uint8Array | undefined;
  try {
    data = parseTar(bytes, { filter: isBtf }).find((file) => file.data?.length)?.data;
  } catch (error) {
    // The library reads past the end of an archive that is cut off.
    throw new OptionError('its tar archive is damaged or cut off', { cause: error });
  }
  if (data === undefined) throw new OptionError('the archive has no file whose name ends in .btf');
  return data;
}
