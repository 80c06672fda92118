/** Where names of containers are written on a host, by runtime. */
import { dirname } from 'node:path';
import { BoundedMap } from '@weir/ebpf/bounded-map';
import { readSmallFile } from '@weir/ebpf/sys';
import { inspectContainer } from './docker-api.js';
import { LocalPaths, type Place } from './local-paths.js';
import {
  type ContainerNameDetails,
  containerFromLog,
  joinNames,
  namesFromBundle,
  namesFromDocker,
  namesFromStorage,
  podFromFolder,
} from './names.js';
import { listFolder, readFileUpTo } from './read.js';

/** A container, or a pod, of which the names are wanted. */
export interface Wanted {
  /** 64 hexadecimal digits. */
  readonly id?: string | undefined;
  readonly runtime?: string | undefined;
  readonly podUid?: string | undefined;
}

/** One place at which names are found. */
export interface ContainerSource {
  /** What writes there. */
  readonly name: string;
  /** Folders, or a socket, of which each shows that it is in use here. */
  places(): readonly string[];
  /** The runtimes of which it knows containers; those of which the runtime is not known are looked for everywhere. */
  readonly runtimes: readonly string[];
  /** Places on file systems of other hosts, at which nobody looks. */
  remotePlaces?(): readonly string[];
  /** Asks a daemon, which may hang. */
  readonly mayHang?: boolean;
  find(wanted: Wanted, signal: AbortSignal): Promise<ContainerNameDetails | undefined>;
}

/** Bytes of a container's own description. */
const MAX_DESCRIPTION = 1 << 20;
/** Bytes of a list of all containers. */
const MAX_LIST = 4 << 20;
const MAX_FOLDER = 16_384;
const MAX_USERS = 64;
const MAX_NAMESPACES = 64;
/** containerd's namespaces of Kubernetes, Docker, and its own clients. */
const usualNamespaces = ['k8s.io', 'moby', 'default'] as const;
/** The time for which a list of a folder counts as fresh. */
const LISTED_FOR_MS = 1000;
/** The time for which a socket that did not answer is left alone. */
const HUNG_FOR_MS = 30_000;
const storageDrivers = ['overlay', 'vfs', 'btrfs'] as const;
const FILES_A_STORE = 2 * storageDrivers.length;

/** All sources of a host. @param root Where its files are. */
export function containerSources(root = ''): readonly ContainerSource[] {
  const paths = new LocalPaths();
  const podmanOfUsers = new UserFolders(root, '.local/share/containers/storage', paths);
  const dockerOfUsers = new UserFolders(root, '.local/share/docker/containers', paths);
  return [
    dockerFiles('Docker', () => [`${root}/var/lib/docker/containers`]),
    dockerSocket(`${root}/var/run/docker.sock`),
    containerd('containerd', `${root}/run/containerd`),
    containerd('containerd of k3s', `${root}/run/k3s/containerd`),
    bundles(`${root}/run/containers/storage/overlay-containers`),
    storage('Podman and CRI-O', ['podman', 'cri-o'], () => [`${root}/var/lib/containers/storage`]),
    {
      ...storage('Podman of users', ['podman'], () => podmanOfUsers.local(), paths),
      remotePlaces: () => podmanOfUsers.remote(),
    },
    {
      ...dockerFiles('Docker of users', () => dockerOfUsers.local(), paths),
      remotePlaces: () => dockerOfUsers.remote(),
    },
    containerLogs(`${root}/var/log/containers`),
    podLogs(`${root}/var/log/pods`),
  ];
}

const kubernetes = ['docker', 'containerd', 'cri-o'] as const;

/** @param paths Where others choose what lies in the places: nothing on a file system of another host is opened. */
function dockerFiles(name: string, places: () => readonly string[], paths?: LocalPaths): ContainerSource {
  const folders = new Fresh(async () => places());
  return {
    ...{ name, places, runtimes: ['docker'] },
    find: async ({ id }) => {
      if (id === undefined) return undefined;
      for (const folder of await folders.get()) {
        if (paths !== undefined && paths.place(`${folder}/${id}`) !== 'local') continue;
        const file = await readFileUpTo(`${folder}/${id}/config.v2.json`, MAX_DESCRIPTION);
        const names = file && namesFromDocker(file.text);
        if (names !== undefined) return names;
      }
      return undefined;
    },
  };
}

function dockerSocket(path: string): ContainerSource {
  let askAgainAt = Number.NEGATIVE_INFINITY;
  return {
    ...{ name: "Docker's API", places: () => [path], runtimes: ['docker'], mayHang: true },
    find: async ({ id }, signal) => {
      if (id === undefined || performance.now() < askAgainAt) return undefined;
      const answer = await inspectContainer(path, id, signal);
      // Other lookups do not wait for a daemon that hangs.
      if (signal.aborted) askAgainAt = performance.now() + HUNG_FOR_MS;
      return answer === undefined ? undefined : namesFromDocker(answer);
    },
  };
}

/** Bundles of all of containerd's namespaces. */
function containerd(name: string, state: string): ContainerSource {
  const path = `${state}/io.containerd.runtime.v2.task`;
  // The usual ones come first: others may be many.
  const namespaces = new Fresh(async () => [
    ...new Set([...usualNamespaces, ...(await listFolder(path, MAX_NAMESPACES))]),
  ]);
  return {
    ...{ name, places: () => [path], runtimes: ['containerd'] },
    find: async ({ id }) => {
      if (id === undefined) return undefined;
      for (const namespace of await namespaces.get()) {
        const file = await readFileUpTo(`${path}/${namespace}/${id}/config.json`, MAX_DESCRIPTION);
        const names = file && namesFromBundle(file.text);
        if (names !== undefined) return names;
      }
      return undefined;
    },
  };
}

function bundles(path: string): ContainerSource {
  return {
    ...{ name: 'CRI-O', places: () => [path], runtimes: ['cri-o'] },
    find: async ({ id }) => {
      if (id === undefined) return undefined;
      const file = await readFileUpTo(`${path}/${id}/userdata/config.json`, MAX_DESCRIPTION);
      return file && namesFromBundle(file.text);
    },
  };
}

/** @param places Folders of containers/storage. @param paths As for `dockerFiles`. */
function storage(
  name: string,
  runtimes: readonly string[],
  places: () => readonly string[],
  paths?: LocalPaths,
): ContainerSource {
  const stores = new Fresh(async () => places());
  const lists = new BoundedMap<string, StorageList>(MAX_USERS * FILES_A_STORE);
  return {
    ...{ name, places, runtimes },
    find: async ({ id }) => {
      if (id === undefined) return undefined;
      for (const path of (await stores.get()).flatMap(listsOf)) {
        if (paths !== undefined && paths.place(dirname(path)) !== 'local') continue;
        const list = lists.get(path) ?? new StorageList(path);
        lists.set(path, list);
        const found = (await list.names()).get(id);
        if (found !== undefined) return { container_name: found };
      }
      return undefined;
    },
  };
}

function listsOf(store: string): string[] {
  // Containers that are removed when they end stand in a list of their own.
  return storageDrivers.flatMap((driver) =>
    ['containers', 'volatile-containers'].map((list) => `${store}/${driver}-containers/${list}.json`),
  );
}

/** A folder in the home of each user that /etc/passwd has. */
class UserFolders {
  readonly #root: string;
  readonly #folder: string;
  readonly #paths: LocalPaths;

  constructor(root: string, folder: string, paths: LocalPaths) {
    this.#root = root;
    this.#folder = folder;
    this.#paths = paths;
  }

  /** Folders that are there. */
  local(): string[] {
    return this.#at('local');
  }

  /** Folders that may be there, on the file system of another host. */
  remote(): string[] {
    return this.#at('remote');
  }

  #at(place: Place): string[] {
    const homes = (readSmallFile(`${this.#root}/etc/passwd`) ?? '').split('\n').flatMap((line) => {
      const home = line.split(':')[5];
      return home?.startsWith('/') && home !== '/' ? [home] : [];
    });
    const found: string[] = [];
    for (const home of new Set(homes)) {
      const path = `${this.#root}${home}/${this.#folder}`;
      if (this.#paths.place(path) === place) found.push(path);
      if (found.length === MAX_USERS) break;
    }
    return found;
  }
}

/** A list of containers, which is parsed anew only if it has changed. */
class StorageList {
  readonly #path: string;
  #names: ReadonlyMap<string, string> = new Map();
  #identity: string | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async names(): Promise<ReadonlyMap<string, string>> {
    const file = await readFileUpTo(this.#path, MAX_LIST, this.#identity);
    if (file === undefined) this.#names = new Map();
    else if (file.identity !== this.#identity) this.#names = namesFromStorage(file.text);
    this.#identity = file?.identity;
    return this.#names;
  }
}

/** Kubernetes links the logs of containers there: the links' names suffice, which everybody may read. */
function containerLogs(path: string): ContainerSource {
  const files = new Fresh(() => listFolder(path, MAX_FOLDER));
  return {
    ...{ name: 'Kubernetes, logs of containers', places: () => [path], runtimes: kubernetes },
    find: async ({ id }) => {
      if (id === undefined) return undefined;
      return firstOf(await files.get(), (name) =>
        name.endsWith(`-${id}.log`) ? containerFromLog(name)?.names : undefined,
      );
    },
  };
}

function podLogs(path: string): ContainerSource {
  const folders = new Fresh(() => listFolder(path, MAX_FOLDER));
  return {
    ...{ name: 'Kubernetes, logs of pods', places: () => [path], runtimes: kubernetes },
    find: async ({ podUid }) => {
      if (podUid === undefined) return undefined;
      return firstOf(await folders.get(), (name) =>
        name.endsWith(`_${podUid}`) ? podFromFolder(name)?.names : undefined,
      );
    },
  };
}

/** The first answer to one of the names: what else lies in a folder hides none. */
function firstOf<Answer>(
  names: readonly string[],
  answer: (name: string) => Answer | undefined,
): Answer | undefined {
  for (const name of names) {
    const found = answer(name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A list that is read at most once a second. */
class Fresh {
  readonly #read: () => Promise<readonly string[]>;
  #names: Promise<readonly string[]> | undefined;
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(read: () => Promise<readonly string[]>) {
    this.#read = read;
  }

  get(): Promise<readonly string[]> {
    const now = performance.now();
    if (this.#names === undefined || now - this.#readAt >= LISTED_FOR_MS) {
      this.#readAt = now;
      this.#names = this.#read();
    }
    return this.#names;
  }
}

/** Asks the sources that may know, those that may hang behind all others, until the container and, if it has one, its pod are named. */
export async function findNames(
  sources: readonly ContainerSource[],
  wanted: Wanted,
  signal: AbortSignal,
): Promise<ContainerNameDetails | undefined> {
  let names: ContainerNameDetails | undefined;
  const daemons = sources.filter(({ mayHang = false }) => mayHang);
  for (const source of [...sources.filter(({ mayHang = false }) => !mayHang), ...daemons]) {
    if (wanted.runtime !== undefined && !source.runtimes.includes(wanted.runtime)) continue;
    names = joinNames(names, await source.find(wanted, signal));
    const isComplete = wanted.id === undefined || names?.container_name !== undefined;
    if (isComplete && (wanted.podUid === undefined || names?.pod_name !== undefined)) break;
    if (signal.aborted) break;
  }
  return names;
}
