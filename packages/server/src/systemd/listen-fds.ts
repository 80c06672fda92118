/** Sockets that the service manager has opened, as sd_listen_fds(3) describes them. Pure. */
import { OptionError } from '@weir/ebpf/errors';
import { type ServiceEnvironment, STORED_NAME } from './notify.js';

/** A socket that listens already. */
export interface InheritedSocket {
  readonly fd: number;
  /** FileDescriptorName= of the socket unit; `unknown` without one. */
  readonly name: string;
}

/** SD_LISTEN_FDS_START. */
const FIRST_FD = 3;
const MAX_SOCKETS = 64;

/** The variables, which child processes must not see. */
export const listenVariables = ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID'] as const;

/**
 * The sockets for this process; none where they are for another one, or there are none. What an earlier process has stored is not among
 * them.
 *
 * @throws OptionError for a number of sockets that makes no sense.
 */
export function inheritedSockets(environment: ServiceEnvironment, pid: number): readonly InheritedSocket[] {
  return descriptorsFor(environment, pid).filter(({ name }) => name !== STORED_NAME);
}

/** The descriptors that earlier processes of this service have stored. @throws as {@link inheritedSockets} */
export function storedDescriptors(environment: ServiceEnvironment, pid: number): readonly number[] {
  return descriptorsFor(environment, pid).flatMap(({ name, fd }) => (name === STORED_NAME ? [fd] : []));
}

function descriptorsFor(environment: ServiceEnvironment, pid: number): readonly InheritedSocket[] {
  const { LISTEN_FDS: count, LISTEN_PID: owner, LISTEN_FDNAMES: names = '' } = environment;
  if (count === undefined || owner !== String(pid)) return [];
  const number = /^\d{1,3}$/.test(count) ? Number(count) : Number.NaN;
  if (!(number <= MAX_SOCKETS)) throw new OptionError(`LISTEN_FDS: expected a number up to ${MAX_SOCKETS}`);
  const named = names.split(':');
  return Array.from({ length: number }, (_, i) => ({ fd: FIRST_FD + i, name: named[i] || 'unknown' }));
}
