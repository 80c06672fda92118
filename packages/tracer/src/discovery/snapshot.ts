/** Images of this thread's own sockets, taken in the kernel at a change of state. */
import {
  type ArrayMap,
  attachRawTracepoint,
  Collection,
  type FeatureTable,
  type Link,
  OptionError,
} from '@weir/ebpf';
import {
  offsetsSnapshotCopies,
  offsetsSnapshotImage,
  offsetsSnapshotRequest,
  offsetsSnapshotTask,
  sizeofSnapshotRequest,
  sizeofSnapshotTargets,
} from '../generated/snapshot.js';
import { readObject } from '../objects.js';
import { BorrowedName } from '../thread-name.js';
import { CHUNK_SIZE, Image } from './image.js';

const objectName = 'snapshot.bpf.o';
/** TASK_COMM_LEN */
const COMM_SIZE = 16;

/** The number of addresses that can be copied with one image. */
export const MAX_TARGETS = sizeofSnapshotTargets / 8;

/** A change of state; absent values match anything. */
export interface Change {
  /** The socket's address in the kernel. */
  readonly sk?: bigint | undefined;
  /** TCP_*. */
  readonly from?: number;
  readonly to?: number;
}

/** What is copied besides the socket, and of whose changes. */
export interface SnapshotOptions {
  /** At most {@link MAX_TARGETS} addresses whose memory is copied, too. Only readable kernel memory is read. */
  readonly targets?: readonly bigint[];
  /** Whether the task of the thread that makes the change is copied. */
  readonly task?: boolean;
  /** Whether changes count whichever thread makes them: only for a socket that is known by its address. */
  readonly anyThread?: boolean;
}

/** The thread that changed a socket. */
export interface TaskSnapshot {
  readonly image: Image;
  /** The ids of the thread and of its process, in the first pid namespace. */
  readonly pid: number;
  readonly tgid: number;
  /** The thread's name: sixteen bytes, of which those from the NUL on mean nothing. */
  readonly comm: Uint8Array;
}

/** A socket just before it changed its state. */
export interface Snapshot {
  readonly image: Image;
  readonly from: number;
  readonly to: number;
  /** The memory at the requested addresses. */
  readonly copies: ReadonlyMap<bigint, Image>;
  /** If it was requested; of several snapshots only in the last. */
  readonly task?: TaskSnapshot;
}

/**
 * The attached program. It recognises the calling thread by its name, which is random meanwhile: that works in every pid
 * namespace. Disposing detaches it and restores the name of the thread.
 *
 * Needs raw tracepoints (4.17), and CAP_SYS_ADMIN, or CAP_BPF with CAP_PERFMON.
 */
export class Snapshots implements Disposable {
  readonly #collection: Collection;
  readonly #link: Link;
  readonly #name: BorrowedName;

  /** @throws the errors of {@link Collection.load}; SyscallError */
  constructor(features?: FeatureTable) {
    this.#collection = Collection.load(readObject(objectName), {
      ...(features === undefined ? {} : { features }),
    });
    try {
      this.#link = attachRawTracepoint(this.#collection.program('snapshot'));
    } catch (error) {
      this.#collection[Symbol.dispose]();
      throw error;
    }
    this.#name = new BorrowedName();
  }

  /**
   * Returns snapshots of the changes that `action` makes, at most four, in order.
   *
   * @param action Gets a function that counts the changes so far.
   * @throws SyscallError; the errors of `action`.
   */
  take(change: Change, action: (seen: () => number) => void, options: SnapshotOptions = {}): Snapshot[] {
    const { targets = [], task = false } = options;
    const request = this.#array('request');
    const seen = () => new DataView(request.get(0).buffer).getUint32(offsetsSnapshotRequest.count, true);
    if (targets.length > 0) this.#array('targets').set(0, encodeTargets(targets));
    request.set(0, this.#encodeRequest(change, options));
    let count: number;
    try {
      action(seen);
    } finally {
      count = seen();
      // Changes until the next request do not count.
      request.set(0, new Uint8Array(sizeofSnapshotRequest));
    }
    const copies = targets.length > 0 && count > 0 ? this.#readCopies(targets) : new Map<bigint, Image>();
    return Array.from({ length: count }, (_, slot) => ({
      ...this.#readImage(slot),
      copies,
      ...(task && slot === count - 1 && { task: this.#readTask() }),
    }));
  }

  #encodeRequest(change: Change, { targets = [], task, anyThread }: SnapshotOptions): Uint8Array {
    const bytes = new Uint8Array(sizeofSnapshotRequest);
    const view = new DataView(bytes.buffer);
    bytes.set(Buffer.from(this.#name.name), offsetsSnapshotRequest.comm);
    view.setBigUint64(offsetsSnapshotRequest.sk, change.sk ?? 0n, true);
    view.setUint32(offsetsSnapshotRequest.from, change.from ?? 0, true);
    view.setUint32(offsetsSnapshotRequest.to, change.to ?? 0, true);
    view.setUint32(offsetsSnapshotRequest.followPointers, targets.length > 0 ? 1 : 0, true);
    view.setUint32(offsetsSnapshotRequest.copyTask, task ? 1 : 0, true);
    view.setUint32(offsetsSnapshotRequest.anyThread, anyThread ? 1 : 0, true);
    return bytes;
  }

  #readImage(slot: number): Omit<Snapshot, 'copies'> {
    const value = this.#array('images').get(slot);
    const view = new DataView(value.buffer, value.byteOffset);
    const at = offsetsSnapshotImage;
    const readable = readStatus(view, at.status, (at.bytes - at.status) / 4);
    return {
      image: new Image(view.getBigUint64(at.sk, true), value.subarray(at.bytes), readable),
      from: view.getUint32(at.from, true),
      to: view.getUint32(at.to, true),
    };
  }

  #readCopies(targets: readonly bigint[]): Map<bigint, Image> {
    const value = this.#array('copies').get(0);
    const view = new DataView(value.buffer, value.byteOffset);
    const chunks = 2;
    const size = chunks * CHUNK_SIZE;
    return new Map(
      targets.map((address, index) => {
        const start = offsetsSnapshotCopies.bytes + index * size;
        const readable = readStatus(view, offsetsSnapshotCopies.status + index * chunks * 4, chunks);
        return [address, new Image(address, value.slice(start, start + size), readable)];
      }),
    );
  }

  #readTask(): TaskSnapshot {
    const value = this.#array('task').get(0);
    const view = new DataView(value.buffer, value.byteOffset);
    const at = offsetsSnapshotTask;
    const readable = readStatus(view, at.status, (at.bytes - at.status) / 4);
    return {
      image: new Image(view.getBigUint64(at.address, true), value.slice(at.bytes), readable),
      pid: view.getUint32(at.pidTgid, true),
      tgid: view.getUint32(at.pidTgid + 4, true),
      comm: value.slice(at.comm, at.comm + COMM_SIZE),
    };
  }

  #array(name: string): ArrayMap {
    return this.#collection.map(name) as ArrayMap;
  }

  [Symbol.dispose](): void {
    this.#name[Symbol.dispose]();
    this.#link[Symbol.dispose]();
    this.#collection[Symbol.dispose]();
  }
}

function readStatus(view: DataView, offset: number, count: number): boolean[] {
  return Array.from({ length: count }, (_, index) => view.getInt32(offset + index * 4, true) === 0);
}

function encodeTargets(targets: readonly bigint[]): Uint8Array {
  if (targets.length > MAX_TARGETS)
    throw new OptionError(`${targets.length} addresses cannot be copied at once: at most ${MAX_TARGETS} can`);
  const bytes = new Uint8Array(sizeofSnapshotTargets);
  const view = new DataView(bytes.buffer);
  targets.forEach((address, index) => {
    view.setBigUint64(index * 8, address, true);
  });
  return bytes;
}
