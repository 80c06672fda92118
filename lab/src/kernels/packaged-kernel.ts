/**
 * Kernels that Debian packages. The packages carry the kernel's version in their name and move on: the lab uses the
 * newest complete one of a series.
 */

import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Apt, PackageRecord } from '../apt.js';
import { CpioWriter } from '../guest/cpio.js';
import { cacheFolder } from '../paths.js';
import { type Architecture, platforms } from '../platforms.js';
import { type Kernel, makeCurrent, readCurrent } from './kernel-cache.js';
import { describeOnDemand, guestModules, loadOrder, modulesOnDemand, readModule } from './modules.js';

/** A series of kernels as Debian builds them. */
export interface PackagedSeries {
  /** What the commands call it. */
  readonly name: string;
  readonly description: string;
  /** The machine that it is for. Default: x64. */
  readonly architecture?: Architecture;
  /** Which of Debian's builds of a version. Default: the one for virtual machines. */
  readonly flavour?: 'cloud' | 'rt';
  /** Where to look, in this order. */
  readonly sources: readonly Apt[];
  /** Whether a kernel of this version belongs to the series. */
  readonly accepts: (major: number, minor: number) => boolean;
  /** Whether it runs only the files whose outcome the kernel decides (plan.ts), as it lies between others that run all. */
  readonly partly?: boolean;
  /** Ways to boot a guest (plan.ts) that come to nothing on it. */
  readonly without?: readonly string[];
}

interface Candidate {
  readonly release: string;
  readonly version: string;
  readonly packages: readonly string[];
}

/**
 * The newest kernel of a series, fetched if it is not in the cache. Without an answer from the mirror, the one fetched
 * last is used, and that is said on standard error. The caller holds the series' lock.
 *
 * @throws Error if none can be fetched and none is in the cache.
 */
export async function packagedKernel(wanted: PackagedSeries): Promise<Kernel> {
  const folder = cacheFolder('kernels', wanted.name);
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
    const { release, version } = candidate;
    makeCurrent(wanted.name, { release, version, folder: release });
  } catch (error) {
    const cached = readCurrent(wanted.name);
    if (cached === undefined) throw error;
    process.stderr.write(`lab: using the cached kernel ${cached.release}: ${error}\n`);
  }
  const { release, version } = readCurrent(wanted.name)!;
  const unpacked = join(folder, release);
  return {
    name: wanted.name,
    architecture: wanted.architecture ?? 'x64',
    release,
    version,
    image: imageIn(unpacked, release),
    modules: await packModules(unpacked, release),
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

async function resolve(wanted: PackagedSeries): Promise<{ candidate: Candidate; apt: Apt }> {
  const { flavour = 'cloud', architecture = 'x64' } = wanted;
  const ending = `${flavour}-${platforms[architecture].debian}`;
  for (const apt of wanted.sources) {
    const names = (await apt.names('linux-image-')).filter((name) => {
      const version = releaseVersion(releaseOf(name, ending) ?? '');
      return version !== undefined && wanted.accepts(version[0]!, version[1]!);
    });
    const images = await apt.show(names);
    const parts = await apt.show([...new Set(images.flatMap(partNames))].filter((name) => name !== ''));
    const candidate = newestComplete(images, parts, ending);
    if (candidate) return { candidate, apt };
  }
  throw new Error(`Debian's packages hold no complete kernel ${wanted.name} (${wanted.description})`);
}

/** `6.12.107+deb13-cloud-amd64` of `linux-image-6.12.107+deb13-cloud-amd64`; undefined for those of another ending. */
function releaseOf(packageName: string, ending: string): string | undefined {
  const release = /^linux-image-(\d+\.\d+\S*)$/.exec(packageName)?.[1];
  return release?.endsWith(`-${ending}`) ? release : undefined;
}

/** The numbers of a release in order, for comparison: `6.12.107+deb13-cloud-amd64` is 6, 12, 107, 13. */
function releaseVersion(release: string): readonly number[] | undefined {
  if (!/^\d+\.\d+/.test(release)) return undefined;
  return release
    .replace(/-\D\S*$/, '')
    .split(/\D+/)
    .filter(Boolean)
    .map(Number);
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

/**
 * The newest image whose parts, if it has such, are there in the same version. Exported for the tests.
 *
 * @param ending Of the names: flavour and architecture, `cloud-amd64`.
 */
export function newestComplete(
  images: readonly PackageRecord[],
  parts: readonly PackageRecord[],
  ending: string,
): Candidate | undefined {
  const available = new Set(parts.map((part) => `${part.name}=${part.version}`));
  const complete = images.flatMap((image) => {
    const release = releaseOf(image.name, ending);
    const needed = partNames(image).map((name) => `${name}=${image.version}`);
    if (release === undefined || !needed.every((part) => available.has(part))) return [];
    return [{ release, version: image.version, packages: [`${image.name}=${image.version}`, ...needed] }];
  });
  complete.sort((a, b) => compareVersions(releaseVersion(b.release)!, releaseVersion(a.release)!));
  return complete[0];
}

/** Packs the modules that guests have, once for each kernel and list of modules. */
async function packModules(unpacked: string, release: string): Promise<string> {
  const onDemand = Object.entries(modulesOnDemand).flat(2);
  const key = createHash('sha256')
    .update([...guestModules, '', ...onDemand].join())
    .digest('hex')
    .slice(0, 12);
  const archive = join(unpacked, `modules-${key}.cpio`);
  if (existsSync(archive)) return archive;
  const root = ['lib', 'usr/lib'].map((lib) => join(unpacked, lib, 'modules', release)).find(existsSync);
  if (root === undefined) throw new Error(`${unpacked} holds no modules of ${release}`);
  const order = await loadOrder(root, guestModules);
  using writer = new CpioWriter(archive);
  for (const module of await loadOrder(root, [...guestModules, ...onDemand]))
    writer.file(`lib/weir/${module.name}.ko`, await readModule(module.path));
  writer.file('lib/weir/modules', Buffer.from(order.map((module) => `${module.name}\n`).join('')));
  writer.file('lib/weir/on-demand', Buffer.from(await describeOnDemand(root, modulesOnDemand)));
  writer.finish();
  return archive;
}
