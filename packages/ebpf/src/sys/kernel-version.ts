/** The version of the running kernel, as the kernel itself means it. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { release, version } from 'node:os';
import { FormatError } from '../errors.js';
import { readSmallFile } from './files.js';

/** A kernel's version. */
export interface KernelVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** LINUX_VERSION_CODE, which kernels before 5.0 compare with the version a kprobe program carries. */
  readonly code: number;
}

/** A machine's own statements about its kernel; separate, so that other machines' can be tried. */
export interface VersionSources {
  /** LINUX_VERSION_CODE from the vDSO's ELF note. */
  readonly noteCode?: number | undefined;
  /** /proc/version_signature, which Ubuntu has. */
  readonly signature?: string | undefined;
  /** uname -v. */
  readonly version: string;
  /** uname -r. */
  readonly release: string;
}

function fromNumbers(major: number, minor: number, patch: number): KernelVersion {
  // KERNEL_VERSION() stores the patch level in one byte, and stable series with more stop at 255.
  return { major, minor, patch, code: (major << 16) | (minor << 8) | Math.min(patch, 255) };
}

function fromText(text: string | undefined): KernelVersion | undefined {
  const match = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(text ?? '');
  if (match === null) return undefined;
  return fromNumbers(Number(match[1]), Number(match[2]), Number(match[3] ?? 0));
}

/**
 * The version that a machine's statements about itself add up to. uname -r alone misleads on distributions that keep its
 * patch level at 0: Debian's has the true one in uname -v, Ubuntu's in /proc/version_signature. The vDSO's note holds
 * the very number the kernel was built with.
 *
 * @throws FormatError if no source has a version.
 */
export function determineKernelVersion(sources: VersionSources): KernelVersion {
  const { noteCode } = sources;
  const fromNames =
    fromText(sources.signature?.trim().split(/\s+/).at(-1)) ??
    fromText(/\bDebian (\d+\.\d+(?:\.\d+)?)/.exec(sources.version)?.[1]) ??
    fromText(sources.release);
  if (noteCode !== undefined) {
    const exact = fromNumbers(noteCode >> 16, (noteCode >> 8) & 255, noteCode & 255);
    // A note's patch level of 255 stands for any from there on: the names may know better.
    if (exact.patch === 255 && fromNames?.code === noteCode) return fromNames;
    return exact;
  }
  if (fromNames === undefined)
    throw new FormatError(`not a kernel release: ${JSON.stringify(sources.release)}`);
  return fromNames;
}

let current: KernelVersion | undefined;

/** The version of the running kernel. @throws FormatError if uname -r is no version. */
export function kernelVersion(): KernelVersion {
  current ??= determineKernelVersion({
    noteCode: vdsoVersionCode(),
    signature: readSmallFile('/proc/version_signature'),
    version: version(),
    release: release(),
  });
  return current;
}

/**
 * Whether the running kernel's version is `wanted` (`5.8`, `4.14.3`) or newer. Backports make it a hint only.
 *
 * @throws FormatError if `wanted` is no version.
 */
export function kernelAtLeast(wanted: string, running: KernelVersion = kernelVersion()): boolean {
  const lowest = fromText(wanted);
  if (lowest === undefined) throw new FormatError(`not a kernel version: ${JSON.stringify(wanted)}`);
  return running.code >= lowest.code;
}

/** LINUX_VERSION_CODE from the ELF note that the kernel puts into the vDSO of every process. */
function vdsoVersionCode(): number | undefined {
  try {
    const address = auxiliaryValue(readFileSync('/proc/self/auxv'), 33n /* AT_SYSINFO_EHDR */);
    if (address === undefined) return undefined;
    const image = Buffer.alloc(4096);
    const memory = openSync('/proc/self/mem', 'r');
    try {
      const length = readSync(memory, image, 0, image.length, address);
      return linuxNote(image.subarray(0, length));
    } finally {
      closeSync(memory);
    }
  } catch {
    // procfs is absent or hides the process's memory: the names will do.
    return undefined;
  }
}

function auxiliaryValue(auxv: Buffer, type: bigint): bigint | undefined {
  for (let offset = 0; offset + 16 <= auxv.length; offset += 16) {
    if (auxv.readBigUInt64LE(offset) === type) return auxv.readBigUInt64LE(offset + 8);
  }
  return undefined;
}

/**
 * The descriptor of the note of owner `Linux` and type 0 in a 64-bit little-endian ELF image's PT_NOTE segments.
 *
 * A damaged image makes the runtime throw a RangeError.
 */
export function linuxNote(image: Buffer): number | undefined {
  const programHeaders = Number(image.readBigUInt64LE(32));
  const entrySize = image.readUInt16LE(54);
  const count = image.readUInt16LE(56);
  for (let index = 0; index < count; index++) {
    const header = programHeaders + index * entrySize;
    if (image.readUInt32LE(header) !== 4 /* PT_NOTE */) continue;
    let offset = Number(image.readBigUInt64LE(header + 8));
    const end = offset + Number(image.readBigUInt64LE(header + 32));
    while (offset + 12 <= end) {
      const nameSize = image.readUInt32LE(offset);
      const descriptorSize = image.readUInt32LE(offset + 4);
      const type = image.readUInt32LE(offset + 8);
      const descriptor = offset + 12 + ((nameSize + 3) & ~3);
      const name = image.toString('latin1', offset + 12, offset + 12 + nameSize);
      if (name === 'Linux\0' && type === 0 && descriptorSize === 4) return image.readUInt32LE(descriptor);
      offset = descriptor + ((descriptorSize + 3) & ~3);
    }
  }
  return undefined;
}
