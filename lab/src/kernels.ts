/**
 * The kernels of the lab, and how each is found among Debian's packages.
 *
 * Debian's kernel packages carry their version in their name and move on: a kernel is named here by its series, and
 * the newest complete one of that series is taken. Unpacked kernels are kept, one folder a version.
 */

import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Apt, type PackageRecord, suites } from './apt.js';
import { CpioWriter } from './cpio.js';
import { withLock } from './lock.js';
import { guestModules, loadOrder, readModule } from './modules.js';
import { cacheFolder } from './paths.js';

export interface KernelSeries {
  /** What the commands call it. */
  readonly name: string;
  readonly description: string;
  /** Where to look, in this order. */
  readonly sources: readonly Apt[];
  /** Whether a kernel of this version belongs to the series. */
  readonly accepts: (major: number, minor: number) => boolean;
}

const exactly = (major: number, minor: number) => (a: number, b: number) => a === major && b === minor;

/** The matrix of the tests, oldest first. */
export const kernels: readonly KernelSeries[] = [
  { name: '5.10', description: 'Debian 11', sources: [suites.bullseye], accepts: exactly(5, 10) },
  { name: '6.1', description: 'Debian 12', sources: [suites.bookworm], accepts: exactly(6, 1) },
  { name: '6.12', description: 'Debian 13', sources: [suites.trixie], accepts: exactly(6, 12) },
  {
    name: '6.18',
    description: 'the last of the 6.x line, Debian 13 backports',
    sources: [suites.trixie, suites.sid],
    accepts: (major, minor) => major === 6 && minor >= 18,
  },
  {
    name: '7',
    description: 'the newest, Debian 13 backports',
    sources: [suites.trixie, suites.sid],
    accepts: (major) => major >= 7,
  },
];

/** A kernel on disk, ready to boot. */
export interface Kernel {
  readonly name: string;
  /** As `uname -r` says it. */
  readonly release: string;
  /** The Debian package's version. */
  readonly version: string;
  /** Path of the bootable image. */
  readonly image: string;
  /** Path of a cpio archive with the modules guests use, decompressed, and `lib/weir/modules`, their load order. */
  readonly modules: string;
}

/** @throws Error naming the kernels there are. */
export function series(name: string): KernelSeries {
  const found = kernels.find((kernel) => kernel.name === name);
  if (!found)
    throw new Error(`no kernel "${name}" in the lab: there are ${kernels.map((k) => k.name).join(', ')}`);
  return found;
}

interface Candidate {
  readonly release: string;
  readonly version: string;
  readonly packages: readonly string[];
}

const pending = new Map<string, Promise<Kernel>>();

/**
 * The newest kernel of a series, fetched if it is not in the cache. Without an answer from the mirror, the one fetched
 * last is used, and that is said on standard error.
 *
 * @throws Error if there is none to be had.
 */
export function kernel(name: string): Promise<Kernel> {
  const wanted = series(name);
  let found = pending.get(name);
  if (!found) {
    found = withLock(join(cacheFolder('kernels'), `${name}.lock`), () => provide(wanted));
    pending.set(name, found);
  }
  return found;
}

/** What is in the cache for a series, without asking anybody. */
export function cachedKernel(name: string): { release: string; version: string } | undefined {
  const record = join(cacheFolder('kernels', name), 'current.json');
  if (!existsSync(record)) return undefined;
  return JSON.parse(readFileSync(record, 'utf8')) as { release: string; version: string };
}

async function provide(wanted: KernelSeries): Promise<Kernel> {
  const folder = cacheFolder('kernels', wanted.name);
  const record = join(folder, 'current.json');
  try {
    const { candidate, apt } = await resolve(wanted);
    const unpacked = join(folder, candidate.release);
    if (!existsSync(unpacked)) {
      const partial = mkdtempSync(join(folder, 'partial-'));
      try {
        await apt.unpack(candidate.packages, partial);
        renameSync(partial, unpacked);
      } finally {
        rmSync(partial, { recursive: true, force: true });
      }
    }
    writeFileSync(record, JSON.stringify({ release: candidate.release, version: candidate.version }));
    removeOthers(folder, candidate.release);
  } catch (error) {
    if (!existsSync(record)) throw error;
    process.stderr.write(`lab: using the cached kernel ${cachedKernel(wanted.name)?.release}: ${error}\n`);
  }
  const current = cachedKernel(wanted.name)!;
  const unpacked = join(folder, current.release);
  return {
    name: wanted.name,
    ...current,
    image: imageIn(unpacked, current.release),
    modules: await packModules(unpacked, current.release),
  };
}

/** The bootable image's place has moved from `/boot` to the modules' folder over Debian's releases. */
function imageIn(unpacked: string, release: string): string {
  const places = [
    `boot/vmlinuz-${release}`,
    `usr/lib/modules/${release}/vmlinuz`,
    `lib/modules/${release}/vmlinuz`,
  ];
  const found = places.map((place) => join(unpacked, place)).find(existsSync);
  if (found === undefined) throw new Error(`${unpacked} holds no bootable image of ${release}`);
  return found;
}

/** Only the newest version of a series is kept. */
function removeOthers(folder: string, release: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory() && entry.name !== release && !entry.name.startsWith('partial-')) {
      rmSync(join(folder, entry.name), { recursive: true, force: true });
    }
  }
}

async function resolve(wanted: KernelSeries): Promise<{ candidate: Candidate; apt: Apt }> {
  for (const apt of wanted.sources) {
    const names = (await apt.names('linux-image-')).filter((name) => {
      const version = releaseVersion(releaseOf(name) ?? '');
      return version !== undefined && wanted.accepts(version[0]!, version[1]!);
    });
    const images = await apt.show(names);
    const parts = await apt.show([...new Set(images.flatMap(partNames))].filter((name) => name !== ''));
    const candidate = newestComplete(images, parts);
    if (candidate) return { candidate, apt };
  }
  throw new Error(`Debian's packages hold no complete kernel ${wanted.name} (${wanted.description})`);
}

/** `6.12.107+deb13-cloud-amd64` of `linux-image-6.12.107+deb13-cloud-amd64`; undefined for other flavours. */
function releaseOf(packageName: string): string | undefined {
  return /^linux-image-(\d+\.\d+\S*-cloud-amd64)$/.exec(packageName)?.[1];
}

/** The numbers of a release in order, for comparison: `6.12.107+deb13-cloud-amd64` is 6, 12, 107, 13. */
function releaseVersion(release: string): readonly number[] | undefined {
  if (!/^\d+\.\d+/.test(release)) return undefined;
  return release.replace('cloud-amd64', '').split(/\D+/).filter(Boolean).map(Number);
}

function compareVersions(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? -1) - (b[i] ?? -1);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Newer packages are split: the image package only depends on those with the kernel and with its modules. */
function partNames(image: PackageRecord): string[] {
  return image.depends
    .map((item) => item.split(' ')[0]!)
    .filter((name) => /^linux-(binary|modules)-\d/.test(name));
}

/** The newest image whose parts, if it has such, are there in the same version. Exported for the tests. */
export function newestComplete(
  images: readonly PackageRecord[],
  parts: readonly PackageRecord[],
): Candidate | undefined {
  const available = new Set(parts.map((part) => `${part.name}=${part.version}`));
  const complete = images.flatMap((image) => {
    const release = releaseOf(image.name);
    const needed = partNames(image).map((name) => `${name}=${image.version}`);
    if (release === undefined || !needed.every((part) => available.has(part))) return [];
    return [{ release, version: image.version, packages: [`${image.name}=${image.version}`, ...needed] }];
  });
  complete.sort((a, b) => compareVersions(releaseVersion(b.release)!, releaseVersion(a.release)!));
  return complete[0];
}

/** Packs the modules guests load, once for each kernel and list of modules. */
async function packModules(unpacked: string, release: string): Promise<string> {
  const key = createHash('sha256').update(guestModules.join()).digest('hex').slice(0, 12);
  const archive = join(unpacked, `modules-${key}.cpio`);
  if (existsSync(archive)) return archive;
  const root = ['lib', 'usr/lib'].map((lib) => join(unpacked, lib, 'modules', release)).find(existsSync);
  if (root === undefined) throw new Error(`${unpacked} holds no modules of ${release}`);
  const order = await loadOrder(root, guestModules);
  using writer = new CpioWriter(archive);
  for (const module of order) writer.file(`lib/weir/${module.name}.ko`, await readModule(module.path));
  writer.file('lib/weir/modules', Buffer.from(order.map((module) => `${module.name}\n`).join('')));
  writer.finish();
  return archive;
}
