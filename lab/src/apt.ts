/**
 * A private apt: its own sources, lists and archives below the cache folder, so that packages of any Debian suite can
 * be looked up and fetched, with or without root, while the machine's own apt stays as it is.
 *
 * Packages are unpacked, never installed: no maintainer script runs.
 */

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { run } from './command.js';
import { withLock } from './lock.js';
import { cacheFolder } from './paths.js';
import type { Platform } from './platforms.js';

/** Lists older than this are fetched anew. */
const listLifetimeMs = 24 * 3600 * 1000;
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

export interface PackageRecord {
  readonly name: string;
  readonly version: string;
  /** The `Depends` field, split at commas, unparsed. */
  readonly depends: readonly string[];
}

/** The machine's own Debian mirror, from the sources apt uses; `WEIR_LAB_MIRROR` overrides it. */
export function mirror(sourceTexts: readonly string[] = machineSources()): string {
  const override = process.env.WEIR_LAB_MIRROR;
  if (override) return override;
  for (const text of sourceTexts) {
    for (const line of text.split('\n')) {
      const url = /^(?:URIs:|deb(?:\s+\[[^\]]*\])?)\s*(\S+:\S*\/debian\/?)(?:\s|$)/.exec(line)?.[1];
      if (url) return url.replace(/\/$/, '');
    }
  }
  return 'http://deb.debian.org/debian';
}

function machineSources(): string[] {
  const folder = '/etc/apt/sources.list.d';
  const files = existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => /\.(sources|list)$/.test(name))
        .map((name) => join(folder, name))
    : [];
  return ['/etc/apt/sources.list', ...files]
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, 'utf8'));
}

/** How the machine reaches its mirror (proxies, time-outs …) holds for the private apt as well; its hooks do not. */
async function transportOptions(): Promise<string[]> {
  const dump = (await run('apt-config', ['dump'])).toString();
  return dump.split('\n').filter((line) => /^Acquire::(?!IndexTargets|GzipIndexes|Languages)/.test(line));
}

/** One private apt over some suites of one Debian release. */
export class Apt {
  readonly #folder: string;
  readonly #suites: readonly string[];
  readonly #architecture: Platform['debian'];
  #updated: Promise<void> | undefined;

  /** @param suites Debian's suite names, such as `bookworm` and `bookworm-backports`. */
  constructor(architecture: Platform['debian'], ...suites: readonly string[]) {
    this.#architecture = architecture;
    this.#suites = suites;
    const name = suites.join('+');
    this.#folder = cacheFolder('apt', architecture === 'amd64' ? name : `${name}-${architecture}`);
  }

  /**
   * Names of packages that begin with `prefix`.
   *
   * @throws Error when the lists can neither be fetched nor are there from an earlier time.
   */
  async names(prefix: string): Promise<string[]> {
    await this.update();
    const out = await run('apt-cache', ['pkgnames', prefix], { env: this.#env() });
    return out.toString().split('\n').filter(Boolean);
  }

  /** The newest version's record of each package that exists. */
  async show(names: readonly string[]): Promise<PackageRecord[]> {
    if (names.length === 0) return [];
    await this.update();
    const out = await run('apt-cache', ['show', '--no-all-versions', ...names], { env: this.#env() });
    return parseRecords(out.toString());
  }

  /**
   * Fetches packages, and with `dependencies` all that they need on an empty system, and unpacks them.
   *
   * @param target The suite to prefer, where a release's backports are to win.
   * @param omit Packages to leave out of the closure, by name.
   */
  async unpack(
    names: readonly string[],
    into: string,
    options: { dependencies?: boolean; target?: string; omit?: ReadonlySet<string> } = {},
  ): Promise<void> {
    await this.update();
    const archives = mkdtempSync(join(this.#folder, 'archives-'));
    mkdirSync(join(archives, 'partial'));
    try {
      if (options.dependencies) {
        const target = options.target ? ['-t', options.target] : [];
        const directory = ['-o', `Dir::Cache::archives=${archives}`];
        const args = [
          'install',
          '-qq',
          '-y',
          '--download-only',
          '--no-install-recommends',
          ...directory,
          ...target,
        ];
        await run('apt-get', [...args, ...names], { env: this.#env() });
      } else {
        await run('apt-get', ['download', '-qq', ...names], { env: this.#env(), cwd: archives });
      }
      mkdirSync(into, { recursive: true });
      for (const file of readdirSync(archives).filter((name) => name.endsWith('.deb'))) {
        if (!options.omit?.has(file.slice(0, file.indexOf('_')))) {
          await run('dpkg-deb', ['-x', join(archives, file), into]);
        }
      }
    } finally {
      rmSync(archives, { recursive: true, force: true });
    }
  }

  /** Makes the lists at most a day old. Without an answer from the mirror, older lists are used, and that is said. */
  update(): Promise<void> {
    this.#updated ??= withLock(`${this.#folder}.lock`, () => this.#update());
    return this.#updated;
  }

  async #update(): Promise<void> {
    const stamp = join(this.#folder, 'updated');
    await this.#configure();
    if (existsSync(stamp) && Date.now() - statSync(stamp).mtimeMs < listLifetimeMs) return;
    try {
      await run('apt-get', ['update', '-qq', '--error-on=any'], { env: this.#env(), timeoutMs: 300_000 });
      writeFileSync(stamp, '');
    } catch (error) {
      if (!existsSync(stamp)) throw error;
      const since = statSync(stamp).mtime.toISOString().slice(0, 10);
      process.stderr.write(`lab: no fresh package lists of ${this.#suites}; using those of ${since}\n`);
    }
  }

  async #configure(): Promise<void> {
    if (!existsSync(keyring)) {
      throw new Error(`${keyring} is missing: install the package debian-archive-keyring`);
    }
    for (const part of ['state/lists/partial', 'cache', 'empty']) {
      mkdirSync(join(this.#folder, part), { recursive: true });
    }
    const url = mirror();
    const sources = this.#suites.map(
      (suite) => `deb [arch=${this.#architecture} signed-by=${keyring}] ${url} ${suite} main\n`,
    );
    writeFileSync(join(this.#folder, 'sources.list'), sources.join(''));
    writeFileSync(join(this.#folder, 'status'), '');
    const settings = {
      'APT::Architecture': this.#architecture,
      'APT::Architectures': this.#architecture,
      'APT::Sandbox::User': 'root',
      'Acquire::Languages': 'none',
      'Acquire::Retries': '3',
      'Debug::NoLocking': 'true',
      'Dir::Cache': `${this.#folder}/cache`,
      'Dir::Cache::pkgcache': 'pkgcache.bin',
      'Dir::Cache::srcpkgcache': 'srcpkgcache.bin',
      'Dir::Etc::main': '/dev/null',
      'Dir::Etc::parts': `${this.#folder}/empty`,
      'Dir::Etc::preferences': '/dev/null',
      'Dir::Etc::preferencesparts': `${this.#folder}/empty`,
      'Dir::Etc::sourcelist': `${this.#folder}/sources.list`,
      'Dir::Etc::sourceparts': `${this.#folder}/empty`,
      'Dir::State': `${this.#folder}/state`,
      'Dir::State::status': `${this.#folder}/status`,
    };
    const lines = Object.entries(settings).map(([key, value]) => `${key} "${value}";`);
    const text = [...(await transportOptions()), ...lines].join('\n');
    writeFileSync(join(this.#folder, 'apt.conf'), `${text}\n`);
  }

  #env(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      LC_ALL: 'C',
      APT_CONFIG: join(this.#folder, 'apt.conf'),
      DEBIAN_FRONTEND: 'noninteractive',
    };
  }
}

/** Parses what `apt-cache show` prints: paragraphs of `Field: value`. */
export function parseRecords(text: string): PackageRecord[] {
  const records: PackageRecord[] = [];
  for (const paragraph of text.split(/\n\n+/)) {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(paragraph)?.[1];
    const name = field('Package');
    if (name === undefined) continue;
    const depends = (field('Depends') ?? '').split(',').map((item) => item.trim());
    records.push({ name, version: field('Version') ?? '', depends: depends.filter(Boolean) });
  }
  return records;
}

/** The suites the lab draws from. The base of every guest is bookworm, whatever the machine runs. */
function suitesOf(architecture: Platform['debian']) {
  return {
    bullseye: new Apt(architecture, 'bullseye'),
    bookworm: new Apt(architecture, 'bookworm', 'bookworm-backports'),
    trixie: new Apt(architecture, 'trixie', 'trixie-backports'),
    sid: new Apt(architecture, 'sid'),
  } as const;
}

export const suites = suitesOf('amd64');
export const arm64Suites = suitesOf('arm64');
