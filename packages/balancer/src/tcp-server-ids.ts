/** TCP server ids on the servers' side, and on that of clients which return them. */
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  attachCgroup,
  Collection,
  EbpfError,
  OptionError,
  openPinnedLink,
  openPinnedMap,
  setGlobal,
} from '@weir/ebpf';
import { encodeNumber } from './datapath/encode.js';
import { readObject } from './datapath/objects.js';
import {
  readServerIdCounters,
  type ServerIdCounters,
  sizeofServerIdCounters,
} from './generated/tcp-server-id.js';
import { openKept } from './lifecycle/kept-map.js';
import { PinFolder, readPinnedState } from './lifecycle/pin-folder.js';
import { requireFeatures, serverIdFeatures } from './requirement/requirement.js';

/** Options of {@link TcpServerIds.attach}. */
export interface ServerIdOptions {
  /** The id that listening sockets send, 1 to 4294967295. Default: none is sent. */
  readonly id?: number;
  /** Whether connections that are opened here return the id that their server sent. Default false. */
  readonly returns?: boolean;
  /** Folder of the cgroup (v2) whose sockets are meant, with those below it. Default: all of this host. */
  readonly cgroup?: string;
}

/** Programs that are attached to a cgroup, and what they did. */
export interface ServerIdStatus {
  readonly name: string;
  readonly cgroup: string;
  /** The id that is sent; null if none is. */
  readonly id: number | null;
  readonly returns: boolean;
  readonly counters: ServerIdCounters;
}

export type { ServerIdCounters };

interface SavedOptions {
  readonly cgroup: string;
  readonly id: number | null;
  readonly returns: boolean;
}

const defaultRoot = '/sys/fs/bpf/weir-server-id';
const LARGEST_ID = 2 ** 32 - 1;

/**
 * The TCP option by which a balancer finds the real of a connection that it has not seen. Servers send their id with the
 * SYN-ACK, or with the first segments where a socket listened before; clients, whose hosts must take part, return it in all
 * they send. Programs stay attached, with no process, until {@link TcpServerIds.detach}. Needs Linux 5.10.
 */
export const TcpServerIds = {
  /**
   * Attaches to a cgroup. What is pinned under the name already is replaced, with its counters kept.
   *
   * @param name 1 to 64 letters, digits, `_` and `-`.
   * @param pinRoot Folder in a BPF file system. Default /sys/fs/bpf/weir-server-id.
   * @throws OptionError for options that make no sense; EbpfError without a cgroup (v2), or if another process changes the
   * same name; UnsupportedError, SyscallError
   */
  attach(name: string, options: ServerIdOptions, pinRoot: string = defaultRoot): void {
    const { id, returns = false, cgroup = rootCgroup() } = options;
    if (id === undefined && !returns)
      throw new OptionError('nothing to do: neither an id to send nor ids to return');
    if (id !== undefined && !(Number.isInteger(id) && id >= 1 && id <= LARGEST_ID)) {
      throw new OptionError(`server id ${id}: expected 1 to ${LARGEST_ID}`);
    }
    requireFeatures(serverIdFeatures);
    using folder = PinFolder.claim(pinRoot, name);
    const isNew = folder.readState() === undefined;
    try {
      replace(folder, { cgroup, id: id ?? null, returns });
    } catch (error) {
      if (isNew) folder.remove();
      throw error;
    }
  },

  /** Detaches what is pinned under a name; returns whether there was anything. @throws EbpfError, SyscallError */
  detach(name: string, pinRoot: string = defaultRoot): boolean {
    if (!existsSync(join(pinRoot, name))) return false;
    using folder = PinFolder.claim(pinRoot, name);
    removeLink(join(folder.path, 'link'));
    folder.remove();
    return true;
  },

  /** Names under which programs are pinned. */
  names(pinRoot: string = defaultRoot): string[] {
    return PinFolder.names(pinRoot).sort();
  },

  /** What is pinned under a name. @throws EbpfError if nothing is; SyscallError */
  status(name: string, pinRoot: string = defaultRoot): ServerIdStatus {
    const folder = join(pinRoot, name);
    const text = readPinnedState(folder);
    if (text === undefined) throw new EbpfError(`no server id is pinned as ${name} in ${pinRoot}`);
    return { name, ...(JSON.parse(text) as SavedOptions), counters: readCounters(folder) };
  },
} as const;

/** Attaches the new program beside the old one, and then detaches that: for a moment there are both, never none. */
function replace(folder: PinFolder, options: SavedOptions): void {
  const spec = readObject('tcp-server-id.bpf.o');
  setGlobal(spec, 'own_id', options.id ?? 0);
  setGlobal(spec, 'returns_ids', Number(options.returns));
  // Connections of the program before keep what they learned, and its counters go on.
  const kept = ['server_id_counters', 'learned_ids'];
  const reused = kept.flatMap((name) => openKept(folder, spec.maps.get(name)!));
  try {
    const replaceMaps = Object.fromEntries(reused.map((map) => [map.name, map]));
    using collection = Collection.load(spec, { replaceMaps });
    using link = attachCgroup(collection.program('carry_server_id'), options.cgroup);
    const [current, next] = [join(folder.path, 'link'), join(folder.path, 'next_link')];
    rmSync(next, { force: true });
    link.pin!(next);
    for (const name of kept) folder.pinOnce(collection.map(name));
    removeLink(current);
    renameSync(next, current);
    folder.writeState(JSON.stringify(options));
  } finally {
    for (const map of reused) map[Symbol.dispose]();
  }
}

function removeLink(path: string): void {
  if (!existsSync(path)) return;
  using link = openPinnedLink(path);
  link.detach();
  rmSync(path);
}

/** Sums the CPUs' values. */
function readCounters(folder: string): ServerIdCounters {
  using map = openPinnedMap(join(folder, 'server_id_counters'));
  const values = map.lookup(encodeNumber(0))!;
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
  const sum = readServerIdCounters(view, 0);
  for (let at = sizeofServerIdCounters; at < values.byteLength; at += sizeofServerIdCounters) {
    const more = readServerIdCounters(view, at);
    for (const key of Object.keys(sum) as (keyof ServerIdCounters)[]) sum[key] += more[key];
  }
  return sum;
}

/** The folder of all cgroups. @throws EbpfError where cgroup v2 is not mounted */
function rootCgroup(): string {
  for (const line of readFileSync('/proc/self/mounts', 'utf8').split('\n')) {
    const [, folder, type] = line.split(' ');
    if (type === 'cgroup2') return folder!;
  }
  throw new EbpfError(
    'cgroup v2 is not mounted: mount it with "mount -t cgroup2 cgroup2 FOLDER", or name a cgroup',
  );
}
