/** Keeps discovered offsets in a file, for the next start on the same kernel. */
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { homedir, release, version } from 'node:os';
import { dirname, join } from 'node:path';
import { type CapabilityName, effectiveCapabilities } from '@weir/ebpf/sys';
import { type DiscoveredField, knownFields, type Method } from './fields.js';

/** The identity of one build of the kernel. */
export interface KernelIdentity {
  /** uname -r */
  readonly release: string;
  /** uname -v */
  readonly version: string;
  /** The build id, or whatever else /sys/kernel/notes holds, as hexadecimal digits; empty without sysfs. */
  readonly notes: string;
  /** As in `process.arch`. */
  readonly architecture: string;
}

/** Changes with the content of the file and with the discovered fields. */
const FORMAT = 5;
/** Upper bound of all offsets. */
const MAX_OFFSET = 8192;
/** A file of all fields takes a tenth of it. */
const MAX_FILE_BYTES = 1 << 16;
const WRITABLE_BY_OTHERS = 0o022;
/** Loaded where it is needed: on kernels without types of their own. */
const crypto = () => createRequire(import.meta.url)('node:crypto') as typeof import('node:crypto');

const sha256 = (data: string | Uint8Array): string =>
  crypto().createHash('sha256').update(data).digest('hex');

const methods: readonly string[] = ['values', 'structure', 'pointer'] satisfies Method[];

/** The identity of the running kernel. */
export function kernelIdentity(): KernelIdentity {
  let notes = '';
  try {
    notes = sha256(readFileSync('/sys/kernel/notes'));
  } catch {
    // Release and version remain.
  }
  return { release: release(), version: version(), notes, architecture: process.arch };
}

/** The findings of a discovery that are kept. */
export interface Findings {
  readonly fields: readonly DiscoveredField[];
  /** Capabilities that it lacked to find more: a process that has one of them makes a discovery of its own. */
  readonly lacked: readonly CapabilityName[];
}

/** The content of a file. */
export function encodeCache({ fields, lacked }: Findings, kernel: KernelIdentity): string {
  const entries = fields.map(({ struct, field, offset, size, how, candidates }) => ({
    ...{ struct, field, offset, size, how, candidates },
  }));
  return `${JSON.stringify({ format: FORMAT, kernel, lacked, fields: entries }, undefined, 1)}\n`;
}

/**
 * Reads the fields of a kernel from a file; undefined if the file is another kernel's, has another format, is damaged, or has
 * less than a process with these capabilities would find.
 */
export function decodeCache(
  text: string,
  kernel: KernelIdentity,
  held: ReadonlySet<string> = effectiveCapabilities(),
): DiscoveredField[] | undefined {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(content) || content.format !== FORMAT || !Array.isArray(content.fields)) return undefined;
  const { kernel: owner, lacked } = content;
  if (!isRecord(owner) || !Array.isArray(lacked)) return undefined;
  if (lacked.some((name) => held.has(name))) return undefined;
  for (const key of ['release', 'version', 'notes', 'architecture'] as const) {
    if (owner[key] !== kernel[key]) return undefined;
  }
  const fields = content.fields.map(decodeField);
  const names = new Set(fields.map((field) => field?.field));
  if (fields.length === 0 || names.size !== fields.length) return undefined;
  return fields.every((field) => field !== undefined) ? fields : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function decodeField(value: unknown): DiscoveredField | undefined {
  if (!isRecord(value)) return undefined;
  const { struct, field, offset, size, how, candidates } = value;
  const known = knownFields.find((candidate) => candidate.struct === struct && candidate.field === field);
  if (known === undefined) return undefined;
  // A field may be a narrower integer in older kernels.
  if (!isCount(size) || size === 0 || size > known.size) return undefined;
  if (!isCount(offset) || offset + size > MAX_OFFSET) return undefined;
  if (!isCount(candidates) || typeof how !== 'string' || !methods.includes(how)) return undefined;
  return { ...known, offset, size, how: how as Method, candidates };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** The folder for this user: /var/cache/weir for root, else weir in $XDG_CACHE_HOME or ~/.cache. */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env, uid = process.geteuid?.()): string {
  const { XDG_CACHE_HOME: given } = environment;
  if (given?.startsWith('/')) return join(given, 'weir');
  return uid === 0 ? '/var/cache/weir' : join(homedir(), '.cache/weir');
}

function cacheFile(kernel: KernelIdentity): string {
  const key = sha256(JSON.stringify(kernel)).slice(0, 16);
  return `offsets-${key}.json`;
}

/**
 * Reads the fields that an earlier discovery found on this kernel; undefined if there is no valid file that only this user can write. They
 * may still be wrong if somebody wrote into the file: verify them with known connections before use.
 */
export function loadCachedFields(
  folder: string = cacheFolder(),
  kernel: KernelIdentity = kernelIdentity(),
): DiscoveredField[] | undefined {
  const text = readOwnFile(folder, cacheFile(kernel));
  return text === undefined ? undefined : decodeCache(text, kernel);
}

/**
 * Stores fields for the next start. Returns whether it could; if not, the next start takes longer by a discovery.
 */
export function storeFields(
  findings: Findings,
  folder: string = cacheFolder(),
  kernel: KernelIdentity = kernelIdentity(),
): boolean {
  return writeOwnFile(folder, cacheFile(kernel), encodeCache(findings, kernel));
}

/**
 * Reads a file that {@link writeOwnFile} wrote. Whoever may write to the folder can put anything there: what is no plain file, is not this
 * user's, may be written by others, or is large, counts as none, and is not waited for.
 */
export function readOwnFile(folder: string, name: string): string | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(join(folder, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const status = fstatSync(fd);
    const isOwn = status.uid === process.geteuid?.() && (status.mode & WRITABLE_BY_OTHERS) === 0;
    if (!status.isFile() || !isOwn || status.nlink !== 1 || status.size > MAX_FILE_BYTES) return undefined;
    return readFileSync(fd, 'utf8');
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Writes a file that only this user can read and that is complete at every moment. Returns whether it could. */
export function writeOwnFile(folder: string, name: string, text: string): boolean {
  const file = join(folder, name);
  const temporary = `${file}.${crypto().randomBytes(6).toString('hex')}`;
  try {
    // Folders above it are for others, too.
    mkdirSync(dirname(folder), { recursive: true });
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(temporary, text, { mode: 0o600, flag: 'wx' });
    renameSync(temporary, file);
    return true;
  } catch {
    removeIfThere(temporary);
    return false;
  }
}

function removeIfThere(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Then the folder does not exist.
  }
}
