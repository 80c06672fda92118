/** One object for each process that events name again and again. */
import { BoundedMap } from '@weir/ebpf/bounded-map';
import type { ConnectionProcess } from '../records/record.js';

const LIMIT = 4_096;

export class SharedProcesses {
  readonly #byPid = new BoundedMap<number, ConnectionProcess>(LIMIT);

  /** The object that stands for the same process, as far as its fields show; else this one from now on. */
  shared(process: ConnectionProcess): ConnectionProcess {
    const { pid, comm, uid, start_ticks } = process;
    const known = this.#byPid.get(pid);
    const isSame =
      known !== undefined && known.comm === comm && known.uid === uid && known.start_ticks === start_ticks;
    if (isSame) return known;
    this.#byPid.set(pid, process);
    return process;
  }
}
