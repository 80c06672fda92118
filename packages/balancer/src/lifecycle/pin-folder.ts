/** The folder in a BPF file system where a balancer's objects are pinned, and its lock. */
import {
  closeSync,
  existsSync,
  constants as fileConstants,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  type Stats,
  statfsSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  type ArrayMap,
  type BpfMap,
  createMap,
  EbpfError,
  MapFlag,
  MapType,
  OptionError,
  openPinnedLink,
  openPinnedMap,
  type UpdatableLink,
} from '@weir/ebpf';
import { tryLock } from '@weir/ebpf/sys';
import { claimFolder } from './own-folder.js';

/** The default folder of pinned balancers. */
export const defaultPinRoot = '/sys/fs/bpf/weir';

const BPF_FS_MAGIC = 0xcafe4a11;
/** Bytes of an element of the map that holds the state. */
const chunkBytes = 4096;

/**
 * A balancer's folder, locked by this process until it is disposed of or the process ends.
 *
 *     NAME/state      the saved state: a map with JSON in it, replaced in one step
 *     NAME/link_N     the attachment to the device with index N
 *     NAME/next_program  the array of BalancerOptions.callsNext
 *     NAME/gN/        maps and programs of generation N; the state names the one in use
 */
export class PinFolder implements Disposable {
  readonly path: string;
  #lock: number | undefined;

  private constructor(path: string, lock: number) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Locks a folder, and creates it if it is missing.
   *
   * @throws OptionError for an invalid name; EbpfError if another process has the lock, if others may change the folder, or
   * without a BPF file system.
   */
  static claim(root: string, name: string): PinFolder {
    if (!/^[\w-]{1,64}$/.test(name)) {
      throw new OptionError(`pin ${name}: expected 1 to 64 letters, digits, "_" and "-"`);
    }
    requireBpffs(root);
    const path = join(root, name);
    for (;;) {
      claimFolder(root, 0o700);
      claimFolder(path, 0o700);
      const lock = openSync(path, fileConstants.O_RDONLY | fileConstants.O_DIRECTORY);
      const isLocked = tryLock(lock);
      const stats = fstatSync(lock);
      if (isLocked && inodeOf(path) === stats.ino) return new PinFolder(path, lock);
      closeSync(lock);
      if (!isLocked)
        throw new EbpfError(
          `${name} is run by ${holder(stats)} already: one process at a time can have ${path}`,
        );
      // The last owner removed the folder meanwhile: create a new one.
    }
  }

  /** The name under which the objects are pinned. */
  get name(): string {
    return basename(this.path);
  }

  /** Names of the balancers that are pinned below a folder, running or not. */
  static names(root: string): string[] {
    if (!existsSync(root)) return [];
    return readdirSync(root).filter((name) => existsSync(join(root, name, 'state')));
  }

  /** The text that {@link writeState} wrote last; undefined if there is none. */
  readState(): string | undefined {
    return readPinnedState(this.path);
  }

  /** Replaces the state. If this process dies at any moment, a reader finds the old text or the new one. */
  writeState(text: string): void {
    const bytes = Buffer.from(text, 'utf8');
    using map = createMap({
      name: 'weir_state',
      type: MapType.array,
      keySize: 4,
      valueSize: chunkBytes,
      maxEntries: Math.ceil((4 + bytes.length) / chunkBytes),
      flags: MapFlag.mmapable,
    }) as ArrayMap;
    const memory = map.memory(true);
    new DataView(memory.buffer, memory.byteOffset).setUint32(0, bytes.length, true);
    memory.set(bytes, 4);
    const next = join(this.path, 'next_state');
    rmSync(next, { force: true });
    map.pin(next);
    renameSync(next, join(this.path, 'state'));
  }

  generationPath(generation: number): string {
    return join(this.path, `g${generation}`);
  }

  generations(): number[] {
    return readdirSync(this.path).flatMap((name) => /^g(\d+)$/.exec(name)?.slice(1).map(Number) ?? []);
  }

  /** Creates an empty folder for a generation. */
  makeGeneration(generation: number): string {
    const path = this.generationPath(generation);
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path, { mode: 0o700 });
    return path;
  }

  removeGenerationsBut(kept: number | undefined): void {
    for (const generation of this.generations()) {
      if (generation !== kept) rmSync(this.generationPath(generation), { recursive: true, force: true });
    }
  }

  /** Pins a map under its name for all generations, unless it is pinned already. */
  pinOnce(map: BpfMap): void {
    const path = join(this.path, map.name);
    if (!existsSync(path)) map.pin(path);
  }

  /** Opens the pinned links, by device index. Links of devices that are gone are removed. */
  openLinks(): Map<number, UpdatableLink> {
    const links = new Map<number, UpdatableLink>();
    for (const name of readdirSync(this.path).filter((entry) => entry.startsWith('link_'))) {
      const link = openPinnedLink(join(this.path, name));
      const { ifindex } = link.info();
      if (ifindex !== 0) {
        links.set(ifindex, link);
        continue;
      }
      link[Symbol.dispose]();
      unlinkSync(join(this.path, name));
    }
    return links;
  }

  linkPath(ifindex: number): string {
    return join(this.path, `link_${ifindex}`);
  }

  /** Removes the folder if nothing is pinned in it. */
  removeEmpty(): void {
    if (readdirSync(this.path).length === 0) this.remove();
  }

  /** Removes all pins and the folder. */
  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
    try {
      rmdirSync(dirname(this.path));
    } catch {
      // Other balancers are pinned there.
    }
  }

  /** Unlocks the folder; pins stay. */
  [Symbol.dispose](): void {
    if (this.#lock !== undefined) closeSync(this.#lock);
    this.#lock = undefined;
  }
}

/** The state that is pinned in a folder, whoever has its lock; undefined if there is none. @throws SyscallError */
export function readPinnedState(folder: string): string | undefined {
  const path = join(folder, 'state');
  if (!existsSync(path)) return undefined;
  using map = openPinnedMap(path) as ArrayMap;
  const memory = map.memory(false);
  const length = new DataView(memory.buffer, memory.byteOffset).getUint32(0, true);
  return Buffer.from(memory.subarray(4, 4 + length)).toString('utf8');
}

/** @throws EbpfError if the folder is on no BPF file system. */
export function requireBpffs(root: string): void {
  let folder = root;
  while (!existsSync(folder)) folder = dirname(folder);
  if (statfsSync(folder).type === BPF_FS_MAGIC) return;
  throw new EbpfError(
    `${root} is on no BPF file system, which pins need: mount one with "mount -t bpf bpf /sys/fs/bpf"`,
  );
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}

/** Names the process that has locked a file, from /proc/locks, which lists no pid of other pid namespaces. */
function holder({ dev, ino }: Stats): string {
  const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00);
  const file = `00:${minor.toString(16).padStart(2, '0')}:${ino}`;
  for (const line of readFileSync('/proc/locks', 'latin1').split('\n')) {
    const [, kind, , , pid, locked] = line.split(/\s+/);
    if (kind === 'FLOCK' && locked === file && Number(pid) > 0) return `process ${pid}`;
  }
  return 'another process';
}
