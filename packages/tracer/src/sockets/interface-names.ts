/** Names of network interfaces by their numbers, which mean something in one network namespace only. */
import { closeSync } from 'node:fs';
import { EbpfError } from '@weir/ebpf';
import { BoundedMap } from '@weir/ebpf/bounded-map';
import { deviceName, withNetns } from '@weir/ebpf/sys';
import { findNamespaces, type NetNamespace, openNamespace, ownNamespace } from './namespaces.js';

/** The time for which a name is not asked for again, milliseconds: interfaces can be renamed. */
const FRESH_MS = 1_000;
const MAX_NAMES = 4_096;

/** Looks at this host; replaced in tests. */
export interface InterfaceReader {
  namespaces(): ReadonlyMap<number, NetNamespace>;
  /** @throws EbpfError */
  name(namespace: NetNamespace, index: number): string | undefined;
}

interface Known {
  name: string | undefined;
  at: number;
}

/** Needs CAP_SYS_ADMIN for namespaces other than its own. */
export class InterfaceNames {
  readonly #reader: InterfaceReader;
  readonly #now: () => number;
  readonly #known = new BoundedMap<string, Known>(MAX_NAMES);
  #namespaces: ReadonlyMap<number, NetNamespace> = new Map();
  #namespacesAt = Number.NEGATIVE_INFINITY;

  constructor(reader: InterfaceReader = hostReader(), now: () => number = () => performance.now()) {
    this.#reader = reader;
    this.#now = now;
  }

  /** undefined where it is not known. An interface that is gone, or whose namespace is, keeps the name it had. */
  name(netns: number, index: number): string | undefined {
    if (index === 0) return undefined;
    const key = `${netns} ${index}`;
    const now = this.#now();
    const known = this.#known.get(key);
    if (known !== undefined && now - known.at < FRESH_MS) return known.name;
    const name = this.#look(netns, index, now) ?? known?.name;
    this.#known.set(key, { name, at: now });
    return name;
  }

  #look(netns: number, index: number, now: number): string | undefined {
    if (now - this.#namespacesAt >= FRESH_MS) {
      this.#namespaces = this.#reader.namespaces();
      this.#namespacesAt = now;
    }
    const namespace = this.#namespaces.get(netns);
    if (namespace === undefined) return undefined;
    try {
      return this.#reader.name(namespace, index);
    } catch (error) {
      if (error instanceof EbpfError) return undefined;
      throw error;
    }
  }
}

function hostReader(): InterfaceReader {
  let own: number | undefined;
  return {
    namespaces: () => findNamespaces(),
    name: (namespace, index) => {
      own ??= ownNamespace();
      if (namespace.inode === own) return deviceName(index);
      const fd = openNamespace(namespace);
      if (fd === undefined) return undefined;
      try {
        return withNetns(fd, () => deviceName(index));
      } finally {
        closeSync(fd);
      }
    },
  };
}
