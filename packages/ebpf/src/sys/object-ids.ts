/** The ids of kernel objects: those that exist, and descriptors of them. */
import { constants } from 'node:os';
import { Command } from '../uapi/commands.js';
import { type AttrValues, attr } from './attr.js';
import { bpfError, bpfRaw } from './bpf.js';
import { Fd } from './fd.js';

const { ENOENT } = constants.errno;

type NextCommand = 'progGetNextId' | 'mapGetNextId' | 'btfGetNextId' | 'linkGetNextId';

/** The ids of all objects of a kind, ascending. @throws SyscallError, whose message names the version that has the command. */
export function* objectIds(command: NextCommand): Generator<number, void, undefined> {
  for (let id = 0; ; ) {
    const next = attr('getId', { startId: id });
    const result = bpfRaw(Command[command], next);
    if (result === -ENOENT) return;
    if (result < 0) throw bpfError(Command[command], -result);
    id = next.get('nextId');
    yield id;
  }
}

/** Opens the object with an id; undefined if there is none. @throws SyscallError */
export function openById(command: number, id: AttrValues<'getId'>, what: string): Fd | undefined {
  const result = bpfRaw(command, attr('getId', id));
  if (result === -ENOENT) return undefined;
  if (result < 0) throw bpfError(command, -result, what);
  return new Fd(result);
}
