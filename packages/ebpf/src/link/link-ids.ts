/** The links that exist. */
import { objectIds } from '../sys/object-ids.js';

/** The ids of all links of this machine, ascending (5.8). Needs CAP_SYS_ADMIN. @throws SyscallError */
export function linkIds(): Generator<number, void, undefined> {
  return objectIds('linkGetNextId');
}
