/** Programs on static probes (USDT) of programs and libraries. */
import { realpathSync, statSync } from 'node:fs';
import { EbpfError, OptionError } from '../errors.js';
import { features as kernelFeatures } from '../features/table.js';
import type { Link } from '../link/link.js';
import type { PerfAttachOptions } from '../link/perf-event.js';
import { type FileMapping, processMappings, runtimeAddress } from '../link/process-files.js';
import { attachUprobe } from '../link/uprobe.js';
import { attachUprobeMulti } from '../link/uprobe-multi.js';
import { executablePath, openExecutable } from '../link/user-symbols.js';
import { nearest } from '../nearest.js';
import type { ProgramHandle } from '../program/program-handle.js';
import { parseUsdtArguments } from './usdt-arguments.js';
import { takesAllPlaces } from './usdt-links.js';
import { probesOf, type UsdtProbe } from './usdt-probes.js';
import { encodeUsdtSpec, type UsdtSpecs } from './usdt-specs.js';

/** A static probe by name. */
export interface UsdtTarget {
  /** The file, as {@link attachUprobe} takes it; '' is the program that the process of `pid` runs. */
  readonly path: string;
  readonly provider: string;
  readonly name: string;
}

/** Options of {@link attachUsdt}. */
export interface UsdtOptions extends PerfAttachOptions {
  /** Only this process. Default: all that map the file. */
  readonly pid?: number;
  /** The value that bpf_usdt_cookie() returns in the program; bpf_get_attach_cookie() in one without the header. Default 0. */
  readonly cookie?: bigint;
}

/**
 * Attaches to all places of a static probe: by one bpf_link, if the program was loaded from its section on a kernel that has such (6.10), else
 * by a probe for each. The program reads the arguments by `bpf_usdt_arg()` of include/weir/usdt.bpf.h, or of libbpf's
 * usdt.bpf.h, if the process that loaded it attaches it; those that lie where no program can read, such as in floating point registers, give
 * -EINVAL. A probe's semaphore is raised while it is attached.
 * @param target Default: what the program's section names, `usdt/PATH:PROVIDER:NAME`.
 * @throws OptionError where nothing says which probe; before 5.15, for a program with arguments on a library or position-independent program
 * without `pid`; EbpfError for a file or probe that does not exist; UnsupportedError for a semaphore before 4.20;
 * FormatError; SyscallError; UnknownFeatureError
 */
export function attachUsdt(
  program: ProgramHandle,
  target: UsdtTarget = usdtTarget(program.attachTo ?? ''),
  options: UsdtOptions = {},
): Link {
  const path = pathOf(program, target, options.pid);
  const places = placesOf(program, path, target, options);
  const parts: Disposable[] = [];
  try {
    const descriptors = takesAllPlaces(program)
      ? attachToAll(program, path, places, options, parts)
      : places.flatMap((place) => attachTo(program, path, place, options, parts));
    return new UsdtLink(parts, descriptors);
  } catch (error) {
    undo(parts);
    throw error;
  }
}

/** Takes the target of a section apart. @throws OptionError */
export function usdtTarget(target: string): UsdtTarget {
  const [, path, provider, name] = /^(.*):([^:]+):([^:]+)$/.exec(target) ?? [];
  if (path === undefined || provider === undefined || name === undefined)
    throw new OptionError(`static probes are named path:provider:name, not '${target}'`);
  return { path, provider, name };
}

function pathOf(program: ProgramHandle, { path }: UsdtTarget, pid: number | undefined): string {
  if (path !== '') return executablePath(path, pid);
  if (pid !== undefined) return `/proc/${pid}/exe`;
  throw new OptionError(`program ${program.name}: give the file that has the probe, or the pid`);
}

interface Place extends UsdtProbe {
  /** Where the probe's instruction is at run time; absent where cookies name the spec. */
  readonly runtime?: number;
}

function placesOf(
  program: ProgramHandle,
  path: string,
  { provider, name }: UsdtTarget,
  options: UsdtOptions,
): readonly Place[] {
  using file = openExecutable(path);
  const probes = probesOf(file);
  const places = probes.filter((probe) => probe.provider === provider && probe.name === name);
  if (places.length === 0) throw new EbpfError(missing(path, `${provider}:${name}`, probes));
  if (program.usdt === undefined || takesAllPlaces(program) || hasCookies(options)) return places;
  if (file.hasFixedAddresses) return places.map((place) => ({ ...place, runtime: place.address }));
  return runtimePlaces(path, places, options.pid);
}

function hasCookies({ features = kernelFeatures }: UsdtOptions): boolean {
  return features.decide('attach_cookie') && features.decide('perf_link');
}

function runtimePlaces(
  path: string,
  places: readonly UsdtProbe[],
  pid: number | undefined,
): readonly Place[] {
  if (pid === undefined)
    throw new OptionError(
      `${path} runs at another address in each process: before Linux 5.15 its static probes need a pid`,
    );
  const all = processMappings(pid);
  const file = mappedAs(all, path);
  return places.map((place) => {
    const runtime = file === undefined ? undefined : runtimeAddress(all, file, place.offset);
    if (runtime === undefined) throw new EbpfError(`process ${pid} does not run ${path}`);
    return { ...place, runtime };
  });
}

/** The identity of a file among mappings: by its inode, else by its path, as layered file systems may show another inode. */
function mappedAs(mappings: readonly FileMapping[], path: string): string | undefined {
  const inode = String(statSync(path).ino);
  const real = realpathSync(path);
  const byInode = mappings.find(({ file }) => file.split(' ')[1] === inode);
  return (byInode ?? mappings.find((mapping) => mapping.path === real))?.file;
}

/** Attaches to one place; what has to be undone is added to `parts`. Returns the descriptors that keep it attached. */
function attachTo(
  program: ProgramHandle,
  path: string,
  place: Place,
  { pid, cookie, features }: UsdtOptions,
  parts: Disposable[],
): readonly number[] {
  const { usdt } = program;
  const identity = usdt === undefined ? cookie : specFor(usdt, place, cookie ?? 0n, parts);
  const link = attachUprobe(program, path, {
    offset: place.offset,
    retprobe: false,
    ...(pid === undefined ? {} : { pid }),
    ...(features === undefined ? {} : { features }),
    ...(identity === undefined ? {} : { cookie: identity }),
    ...(place.semaphoreOffset === undefined ? {} : { refCounterOffset: place.semaphoreOffset }),
  });
  parts.push(link);
  return link.descriptors ?? [];
}

/** Attaches to all places by one link; as {@link attachTo}. */
function attachToAll(
  program: ProgramHandle,
  path: string,
  places: readonly Place[],
  { pid, cookie }: UsdtOptions,
  parts: Disposable[],
): readonly number[] {
  const { usdt } = program;
  const identities = places.map((place) =>
    usdt === undefined ? (cookie ?? 0n) : specFor(usdt, place, cookie ?? 0n, parts)!,
  );
  const link = attachUprobeMulti(program, path, {
    offsets: places.map(({ offset }) => offset),
    cookies: identities,
    refCounterOffsets: places.map(({ semaphoreOffset = 0 }) => semaphoreOffset),
    retprobe: false,
    ...(pid === undefined ? {} : { pid }),
  });
  parts.push(link);
  return link.descriptors ?? [];
}

/** Writes where the arguments are. Returns the cookie by which the program finds that; undefined where it finds it by the address. */
function specFor(usdt: UsdtSpecs, place: Place, cookie: bigint, parts: Disposable[]): bigint | undefined {
  const spec = usdt.acquire(encodeUsdtSpec(parseUsdtArguments(place.arguments), cookie));
  parts.push(spec);
  if (place.runtime === undefined) return BigInt(spec.id);
  parts.push(usdt.assign(place.runtime, spec.id));
  return undefined;
}

function missing(path: string, wanted: string, probes: readonly UsdtProbe[]): string {
  if (probes.length === 0) return `${path} has no static probes (no section .note.stapsdt)`;
  const names = new Set(probes.map(({ provider, name }) => `${provider}:${name}`));
  const close = nearest(wanted, names);
  const hint = close ?? [...names].slice(0, 8).join(', ');
  return `${path} has no static probe ${wanted}; there ${names.size === 1 || close !== undefined ? 'is' : 'are'} ${hint}`;
}

/** Attachments to all places of a probe. */
class UsdtLink implements Link {
  readonly kind = 'usdt';
  readonly descriptors: readonly number[];
  readonly #parts: Disposable[];

  constructor(parts: Disposable[], descriptors: readonly number[]) {
    this.#parts = parts;
    this.descriptors = descriptors;
  }

  [Symbol.dispose](): void {
    undo(this.#parts);
  }
}

function undo(parts: Disposable[]): void {
  for (const part of parts.splice(0).reverse()) part[Symbol.dispose]();
}
