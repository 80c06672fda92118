/** The network namespaces of this host. */
import { closeSync, fstatSync, openSync, readdirSync, statSync } from 'node:fs';
import { EbpfError } from '@weir/ebpf';
import { Fd, readSmallFile, syscall } from '@weir/ebpf/sys';
import type { NamespaceHolder } from './holders.js';

export interface NetNamespace {
  /** The number that records show as `netns`. */
  readonly inode: number;
  /** A process that was in it; absent where something else holds it. */
  readonly pid?: number;
  /** The path by which it is entered. It may lead to another namespace by the time it is opened: check the inode. */
  readonly path: string;
  /** The socket in it by which it is entered, where `path` leads to no namespace. */
  readonly socket?: { readonly pid: number; readonly fd: number };
}

/** A namespace that only a descriptor, or a socket in it, holds. */
export function heldNamespace(inode: number, { pid, fd, isSocket }: NamespaceHolder): NetNamespace {
  return { inode, path: `/proc/${pid}/fd/${fd}`, ...(isSocket && { socket: { pid, fd } }) };
}

/**
 * Finds the namespaces of processes, and those that are mounted in the mount namespaces of processes, as `ip netns add` does. One
 * that only a thread is in is not found.
 *
 * Costs about ten microseconds a process.
 *
 * @param root of procfs. Processes that end meanwhile, or that this process may not inspect, are skipped.
 */
export function findNamespaces(root = '/proc'): Map<number, NetNamespace> {
  const found = new Map<number, NetNamespace>();
  const mounts = new Set<number>();
  const addMounts = (pid: string, prefix: string) => {
    const inode = inodeOf(`${root}/${pid}/ns/mnt`);
    if (inode === undefined || mounts.has(inode)) return;
    mounts.add(inode);
    for (const mount of parseMounts(readSmallFile(`${root}/${pid}/mountinfo`) ?? '')) {
      if (!found.has(mount.inode)) found.set(mount.inode, { ...mount, path: prefix + mount.path });
    }
  };
  for (const name of namesIn(root)) {
    const first = name.charCodeAt(0);
    if (first < 0x30 || first > 0x39) continue;
    const path = `${root}/${name}/ns/net`;
    const inode = inodeOf(path);
    const known = inode === undefined ? undefined : found.get(inode);
    if (inode !== undefined && known?.pid === undefined) found.set(inode, { inode, pid: Number(name), path });
    addMounts(name, `${root}/${name}/root`);
  }
  addMounts('self', '');
  return found;
}

/** The namespace of this process. @throws EbpfError if procfs is not mounted. */
export function ownNamespace(root = '/proc'): number {
  const inode = inodeOf(`${root}/self/ns/net`);
  if (inode !== undefined) return inode;
  throw new EbpfError(
    `${root} does not show this process, and so no network namespaces: mount procfs there (mount -t proc proc ${root})`,
  );
}

/** undefined if the namespace is gone, or what led to it leads to something else by then. */
export function openNamespace(namespace: NetNamespace): number | undefined {
  let fd: number;
  try {
    fd =
      namespace.socket === undefined ? openSync(namespace.path, 'r') : openSocketNamespace(namespace.socket);
  } catch {
    return undefined;
  }
  if (fstatSync(fd).ino === namespace.inode) return fd;
  closeSync(fd);
  return undefined;
}

const SIOCGSKNS = 0x894c;

/** The namespace of another process's socket (pidfd_getfd, 5.6). @throws SyscallError */
function openSocketNamespace({ pid, fd }: { readonly pid: number; readonly fd: number }): number {
  using process = new Fd(syscall('pidfd_open', pid, 0));
  using socket = new Fd(syscall('pidfd_getfd', process.fd, fd, 0));
  return syscall('ioctl', socket.fd, SIOCGSKNS, 0);
}

/** None where procfs is not mounted. */
function namesIn(root: string): string[] {
  try {
    return readdirSync(root);
  } catch {
    return [];
  }
}

function inodeOf(path: string): number | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })?.ino;
  } catch {
    return undefined;
  }
}

/** A path in /proc/PID/mountinfo, where blanks are octal. Pure. */
export function unescapePath(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** Network namespaces in /proc/PID/mountinfo. Pure. */
export function parseMounts(text: string): { readonly inode: number; readonly path: string }[] {
  const mounts: { inode: number; path: string }[] = [];
  for (const line of text.split('\n')) {
    // id, parent, device, root, mount point, options, optional fields, a dash, type …
    const match = /^\d+ \d+ \S+ net:\[(\d+)\] (\S+) .* - nsfs /.exec(line);
    if (match === null) continue;
    mounts.push({ inode: Number(match[1]), path: unescapePath(match[2]!) });
  }
  return mounts;
}

/** The number of sockets of a network namespace, by /proc/PID/net/sockstat; sockets in TIME_WAIT do not count. */
export interface SocketCounts {
  readonly tcp4: number;
  readonly tcp6: number;
  readonly udp4: number;
  readonly udp6: number;
}

/** undefined if the process has ended. */
export function readSocketCounts(pid: number, root = '/proc'): SocketCounts | undefined {
  const ipv4 = readSmallFile(`${root}/${pid}/net/sockstat`);
  if (ipv4 === undefined) return undefined;
  // Absent where IPv6 is switched off.
  const ipv6 = readSmallFile(`${root}/${pid}/net/sockstat6`) ?? '';
  return {
    tcp4: inUse(ipv4, 'TCP'),
    udp4: inUse(ipv4, 'UDP'),
    tcp6: inUse(ipv6, 'TCP6'),
    udp6: inUse(ipv6, 'UDP6'),
  };
}

function inUse(text: string, name: string): number {
  return Number(new RegExp(`^${name}: inuse (\\d+)`, 'm').exec(text)?.[1] ?? 0);
}
