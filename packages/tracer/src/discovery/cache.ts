/** Keeps what was discovered, for the same kernel's next time. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, release, version } from 'node:os';
import { join } from 'node:path';
import { type CapabilityName, effectiveCapabilities } from '@weir/ebpf/sys';
import { type DiscoveredField, knownFields, type Method } from './fields.js';

/** What tells one build of the kernel from all others. */
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

/** Changes with what a file contains and what is discovered. */
const FORMAT = 2;
/** Where nothing in the kernel ends: no offset is larger. */
const MAX_OFFSET = 4096;
const methods: readonly string[] = ['values', 'structure', 'pointer'] satisfies Method[];

/** The running kernel's. */
export function kernelIdentity(): KernelIdentity {
  let notes = '';
  try {
    notes = createHash('sha256').update(readFileSync('/sys/kernel/notes')).digest('hex');
  } catch {
    // Release and version remain.
  }
  return { release: release(), version: version(), notes, architecture: process.arch };
}

/** What is kept of a discovery. */
export interface Findings {
  readonly fields: readonly DiscoveredField[];
  /** Capabilities that it lacked to find more: a process that has one of them makes a discovery of its own. */
  readonly lacked: readonly CapabilityName[];
}

/** A file's content. */
export function encodeCache({ fields, lacked }: Findings, kernel: KernelIdentity): string {
  const entries = fields.map(({ struct, field, offset, size, how, candidates }) => ({
    ...{ struct, field, offset, size, how, candidates },
  }));
  return `${JSON.stringify({ format: FORMAT, kernel, lacked, fields: entries }, undefined, 1)}\n`;
}

/**
 * What a file holds for a kernel; undefined if it is another's, of another format, damaged, or less than a process with
 * these capabilities would find.
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

/** The folder for this user: of root, /var/cache/weir; else weir in $XDG_CACHE_HOME or ~/.cache. */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env, uid = process.geteuid?.()): string {
  const { XDG_CACHE_HOME: given } = environment;
  if (given?.startsWith('/')) return join(given, 'weir');
  return uid === 0 ? '/var/cache/weir' : join(homedir(), '.cache/weir');
}

function cacheFile(folder: string, kernel: KernelIdentity): string {
  const key = createHash('sha256').update(JSON.stringify(kernel)).digest('hex').slice(0, 16);
  return join(folder, `offsets-${key}.json`);
}

/**
 * What an earlier discovery found on this kernel; undefined if there is nothing that can be trusted to be that. It may
 * still be wrong, if somebody wrote into the file: try it on known connections before use.
 */
export function loadCachedFields(
  folder: string = cacheFolder(),
  kernel: KernelIdentity = kernelIdentity(),
): DiscoveredField[] | undefined {
  try {
    return decodeCache(readFileSync(cacheFile(folder, kernel), 'utf8'), kernel);
  } catch {
    return undefined;
  }
}

/**
 * Keeps what was found, in a file that only this user can read and that is whole at every moment. Returns whether it
 * could: without, the next time takes a discovery longer.
 */
export function storeFields(
  findings: Findings,
  folder: string = cacheFolder(),
  kernel: KernelIdentity = kernelIdentity(),
): boolean {
  const file = cacheFile(folder, kernel);
  const temporary = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(temporary, encodeCache(findings, kernel), { mode: 0o600, flag: 'wx' });
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
    // Then there is no folder that it could be in.
  }
}
