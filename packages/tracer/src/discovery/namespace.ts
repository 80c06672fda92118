/** A network namespace for the duration of a discovery: no firewall, no other traffic, known settings. */
import { closeSync, openSync, statSync } from 'node:fs';
import { createArena, Namespace, syscall, unshare, withNetns } from '@weir/ebpf/sys';
import { AddressFamily, type SocketPool } from './sockets.js';

const thisNamespace = '/proc/thread-self/ns/net';

/** The inode of the calling thread's network namespace; undefined without procfs. */
export function namespaceInode(): number | undefined {
  try {
    return statSync(thisNamespace).ino;
  } catch {
    return undefined;
  }
}

/**
 * Runs `body` with the calling thread in a new network namespace, whose loopback device is up, and moves back. Where that is
 * refused (it needs CAP_SYS_ADMIN), `body` runs in the present namespace. The namespace ends with its last socket.
 *
 * @param sockets Where the socket that raises the device is counted.
 * @returns the result of `body`.
 */
export function inFreshNamespace<T>(sockets: SocketPool, body: (fresh: boolean) => T): T {
  let own: number | undefined;
  try {
    own = freshNamespace(sockets);
  } catch {
    // Whatever the reason, the experiments may work in this namespace.
  }
  if (own === undefined) return body(false);
  try {
    let result: { readonly value: T } | undefined;
    withNetns(own, () => {
      result = { value: body(true) };
    });
    return result!.value;
  } finally {
    closeSync(own);
  }
}

/** A descriptor of a new namespace. The thread is back where it was. */
function freshNamespace(sockets: SocketPool): number {
  const here = openSync(thisNamespace, 'r');
  try {
    return withNetns(here, () => {
      unshare(Namespace.net);
      raiseLoopback(sockets);
      return openSync(thisNamespace, 'r');
    });
  } finally {
    closeSync(here);
  }
}

/** `ip link set lo up`, which also gives it 127.0.0.0/8. */
function raiseLoopback(sockets: SocketPool): void {
  const setFlags = 0x8914;
  const up = 1;
  const { view, bytes, address } = createLoopbackRequest();
  bytes.write('lo\0', 'latin1');
  view.setUint16(16, up, true);
  using socket = sockets.tcp(AddressFamily.ipv4);
  syscall('ioctl', socket.fd, setFlags, address);
}

let request: ReturnType<typeof createArena> | undefined;

/** struct ifreq */
function createLoopbackRequest(): { view: DataView; bytes: Buffer; address: number } {
  request ??= createArena(40);
  return { view: request.view, bytes: Buffer.from(request.bytes.buffer), address: request.address };
}
