/** The unprivileged user as whom the server runs. */
import { readFileSync } from 'node:fs';
import { canonicalAddress } from '@weir/ebpf/address';
import { OptionError } from '@weir/ebpf/errors';
import { memoryLimit } from '@weir/ebpf/sys';

/** A user of this host, and its group. */
export interface ServiceUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** The users that are tried where none is configured. */
const defaults = ['weir', 'nobody'] as const;

/**
 * The user of a name; without one, `weir` where there is one, else `nobody`.
 *
 * @param passwd The content of a passwd(5) file.
 * @throws OptionError where there is none, or it is root.
 */
export function serviceUser(
  name: string | undefined,
  passwd = readFileSync('/etc/passwd', 'utf8'),
): ServiceUser {
  const users = passwd.split('\n').map((line) => line.split(':'));
  for (const wanted of name === undefined ? defaults : [name]) {
    const fields = users.find((entry) => entry[0] === wanted);
    if (fields === undefined) continue;
    const user = { name: wanted, uid: Number(fields[2]), gid: Number(fields[3]) };
    if (!(user.uid > 0)) throw new OptionError(`user ${wanted}: the server must not run as root`);
    return user;
  }
  const what = name ?? defaults.join(' or ');
  throw new OptionError(`user ${what}: /etc/passwd has none of that name; create one with useradd --system`);
}

/** Loads what is otherwise loaded when it is first used: the user may not be able to read this program's files. */
function loadBefore(): void {
  memoryLimit();
  canonicalAddress('::1');
}

/** Becomes a user for good, in all threads. Where this process is not root, it stays who it is. */
export function becomeUser({ name, uid, gid }: ServiceUser): void {
  if (process.geteuid?.() !== 0) return;
  loadBefore();
  process.setgroups?.([]);
  process.setgid?.(gid);
  process.setuid?.(uid);
  try {
    process.setuid?.(0);
  } catch {
    return;
  }
  throw new Error(`this process could become root again after it had become ${name}`);
}
