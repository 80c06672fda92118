/** Network namespaces of the calling thread. */
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { SyscallError } from '../errors.js';
import { describeObstacle, filtered, privilegeObstacle } from './obstacle.js';
import { situation } from './situation.js';
import { syscallRaw } from './syscalls.js';

/** CLONE_NEW* flags of namespaces. */
export const Namespace = { mount: 0x20000, net: 0x4000_0000 } as const;

/**
 * Moves the calling thread into new namespaces of the given kinds, for good.
 *
 * Only this thread moves: Node's asynchronous file and network operations run on others and stay behind.
 * Needs CAP_SYS_ADMIN.
 *
 * @param flags {@link Namespace}, combined.
 * @throws SyscallError
 */
export function unshare(flags: number): void {
  const result = syscallRaw('unshare', flags);
  if (result < 0) throw new SyscallError('unshare', -result, namespaceAdvice(-result));
}

/**
 * Runs `body` with the calling thread in another network namespace, then moves back. Only what `body` does
 * synchronously happens there: `body` must not return a promise. Needs CAP_SYS_ADMIN.
 *
 * @param namespace a path such as `/run/netns/blue` or `/proc/1/ns/net`, or an open descriptor of one.
 * @throws SyscallError if the namespace cannot be entered; whatever `body` throws.
 */
export function withNetns<T>(
  namespace: string | number,
  body: () => T extends PromiseLike<unknown> ? never : T,
): T {
  const origin = openSync('/proc/thread-self/ns/net', 'r');
  try {
    const target = typeof namespace === 'number' ? namespace : openSync(namespace, 'r');
    try {
      enter(target, typeof namespace === 'number' ? `fd ${namespace}` : namespace);
    } finally {
      if (typeof namespace === 'string') closeSync(target);
    }
    try {
      return body();
    } finally {
      enter(origin, 'the namespace this thread came from');
    }
  } finally {
    closeSync(origin);
  }
}

function enter(fd: number, name: string): void {
  const result = syscallRaw('setns', fd, Namespace.net);
  if (result >= 0) return;
  const advice = namespaceAdvice(-result);
  const what = `network namespace ${name}`;
  throw new SyscallError('setns', -result, advice === undefined ? what : `${what}; ${advice}`);
}

/** Why this process may not change its namespace, as far as it can find out. */
function namespaceAdvice(errno: number): string | undefined {
  const { EPERM, ENOSYS } = constants.errno;
  if (errno !== EPERM && errno !== ENOSYS) return undefined;
  const gap = errno === EPERM ? privilegeObstacle(['CAP_SYS_ADMIN']) : undefined;
  const obstacle = gap ?? (situation.seccomp() ? filtered(errno) : undefined);
  return obstacle && describeObstacle(obstacle);
}
