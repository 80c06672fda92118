/** Batch operations on maps (5.6), done element by element where the kernel or the kind of map has none. */

import { constants } from 'node:os';
import { EbpfError, OptionError } from '../errors.js';
import { attr } from '../sys/attr.js';
import { bpfError, bpfRaw } from '../sys/bpf.js';
import { ENOTSUPP } from '../sys/errno.js';
import { Command } from '../uapi/commands.js';

const { EINTR, EINVAL, ENOENT, ENOSPC, EOPNOTSUPP } = constants.errno;

/** Elements of a map, packed one after the other: key i lies at i × key size, value i at i × value bytes. */
export interface Batch {
  readonly count: number;
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
}

/** The part of a map that batches need. */
export interface BatchMap {
  readonly fd: number;
  readonly name: string;
  readonly keySize: number;
  /** Bytes of a value as it crosses the system call. */
  readonly valueBytes: number;
  readonly maxEntries: number;
  walkKeys(): Iterable<Uint8Array>;
  lookup(key: Uint8Array): Uint8Array | undefined;
  update(key: Uint8Array, value: Uint8Array, flags: number): void;
  delete(key: Uint8Array): boolean;
}

/** Elements asked for at a time. */
const defaultSize = 512;

/** Whether an errno says that the kernel does not know the command, or that the kind of map has no batches. */
function isUnsupported(errno: number): boolean {
  return errno === EINVAL || errno === ENOTSUPP || errno === EOPNOTSUPP;
}

/** Commands that turned out not to work, by map. */
const unsupported = new WeakMap<BatchMap, Set<number>>();

function isKnownUnsupported(map: BatchMap, command: number): boolean {
  return unsupported.get(map)?.has(command) === true;
}

function markUnsupported(map: BatchMap, command: number): void {
  const commands = unsupported.get(map) ?? new Set();
  unsupported.set(map, commands.add(command));
}

export function* lookupBatch(map: BatchMap, size = defaultSize): Generator<Batch, void, undefined> {
  if (!(yield* walkBatches(map, Command.mapLookupBatch, size))) yield* walkElements(map, size, false);
}

export function* takeBatch(map: BatchMap, size = defaultSize): Generator<Batch, void, undefined> {
  if (!(yield* walkBatches(map, Command.mapLookupAndDeleteBatch, size))) yield* walkElements(map, size, true);
}

/** Most bytes of values that are read for the sake of their keys. */
const mostBytes = 1 << 20;

/** The keys of a map by batches of elements; returns false, having yielded nothing, if there are no batches for it. */
export function* batchKeys(map: BatchMap): Generator<Uint8Array, boolean, undefined> {
  const { keySize, valueBytes } = map;
  const size = Math.min(defaultSize, Math.max(1, Math.floor(mostBytes / Math.max(1, valueBytes))));
  const batches = walkBatches(map, Command.mapLookupBatch, size);
  for (;;) {
    const { value, done } = batches.next();
    if (done) return value;
    for (let at = 0; at < value.count * keySize; at += keySize) yield value.keys.slice(at, at + keySize);
  }
}

/** Walks by a batch command; returns false, having yielded nothing, if there are no batches for this map. */
function* walkBatches(map: BatchMap, command: number, size: number): Generator<Batch, boolean, undefined> {
  if (isKnownUnsupported(map, command)) return false;
  let capacity = Math.max(1, Math.min(size, map.maxEntries));
  let keys = new Uint8Array(capacity * map.keySize);
  let values = new Uint8Array(capacity * map.valueBytes);
  // The position is a bucket's number for hashes and a key for other kinds.
  let position = new Uint8Array(Math.max(map.keySize, 4));
  let next = new Uint8Array(position.length);
  let started = false;
  let left = 8 * map.maxEntries + 1024;
  for (;;) {
    const batch = attr('batch', {
      ...{ mapFd: map.fd, keys, values, count: capacity },
      ...{ inBatch: started ? position : null, outBatch: next },
    });
    const errno = -bpfRaw(command, batch);
    if (errno === EINTR) continue;
    if (errno === ENOSPC) {
      // A bucket holds more elements than there is room for; the position is unchanged.
      capacity *= 2;
      keys = new Uint8Array(capacity * map.keySize);
      values = new Uint8Array(capacity * map.valueBytes);
      continue;
    }
    if (!started && isUnsupported(errno)) {
      markUnsupported(map, command);
      return false;
    }
    // ENOENT says that the end was reached; the count is valid nevertheless.
    if (errno > 0 && errno !== ENOENT) throw bpfError(command, errno, `map ${map.name}`);
    const count = batch.get('count');
    if (count > 0) yield { count, keys, values };
    if (errno === ENOENT) return true;
    left -= count + 1;
    if (left < 0) throw new EbpfError(`map ${map.name}: keys are deleted faster than the map can be walked`);
    [position, next] = [next, position];
    started = true;
  }
}

function* walkElements(map: BatchMap, size: number, remove: boolean): Generator<Batch, void, undefined> {
  const capacity = Math.max(1, Math.min(size, map.maxEntries));
  const keys = new Uint8Array(capacity * map.keySize);
  const values = new Uint8Array(capacity * map.valueBytes);
  let count = 0;
  for (const key of map.walkKeys()) {
    const value = map.lookup(key);
    if (value === undefined) continue;
    if (remove && !map.delete(key)) continue;
    keys.set(key, count * map.keySize);
    values.set(value, count * map.valueBytes);
    if (++count === capacity) {
      yield { count, keys, values };
      count = 0;
    }
  }
  if (count > 0) yield { count, keys, values };
}

/** How many elements the packed bytes hold. */
function packedCount(map: BatchMap, what: string, bytes: Uint8Array, size: number): number {
  const count = size === 0 ? 0 : bytes.length / size;
  if (Number.isInteger(count)) return count;
  throw new OptionError(`map ${map.name}: ${bytes.length} bytes of packed ${what}s, where one has ${size}`);
}

export function updateBatch(map: BatchMap, keys: Uint8Array, values: Uint8Array, flags: number): void {
  const command = Command.mapUpdateBatch;
  const count = packedCount(map, 'key', keys, map.keySize);
  if (packedCount(map, 'value', values, map.valueBytes) !== count) {
    throw new OptionError(`map ${map.name}: ${count} keys, but another number of values`);
  }
  if (count === 0) return;
  if (!isKnownUnsupported(map, command)) {
    const batch = attr('batch', { mapFd: map.fd, keys, values, count, elemFlags: flags });
    const errno = -bpfRaw(command, batch);
    if (errno <= 0) return;
    if (!isUnsupported(errno)) {
      throw bpfError(command, errno, `map ${map.name}: ${batch.get('count')} of ${count} elements were set`);
    }
    markUnsupported(map, command);
  }
  for (let index = 0; index < count; index++) {
    map.update(
      keys.subarray(index * map.keySize, (index + 1) * map.keySize),
      values.subarray(index * map.valueBytes, (index + 1) * map.valueBytes),
      flags,
    );
  }
}

export function deleteBatch(map: BatchMap, keys: Uint8Array): number {
  const command = Command.mapDeleteBatch;
  const count = packedCount(map, 'key', keys, map.keySize);
  let deleted = 0;
  let index = 0;
  while (index < count && !isKnownUnsupported(map, command)) {
    const rest = { keys: keys.subarray(index * map.keySize), count: count - index };
    const batch = attr('batch', { mapFd: map.fd, ...rest });
    const errno = -bpfRaw(command, batch);
    if (isUnsupported(errno)) {
      markUnsupported(map, command);
      break;
    }
    if (errno > 0 && errno !== ENOENT) throw bpfError(command, errno, `map ${map.name}`);
    // The batch stops at a key that is not there: go on behind it.
    const done = batch.get('count');
    deleted += done;
    index += errno === ENOENT ? done + 1 : done;
    if (errno <= 0) break;
  }
  for (; index < count && isKnownUnsupported(map, command); index++) {
    if (map.delete(keys.subarray(index * map.keySize, (index + 1) * map.keySize))) deleted++;
  }
  return deleted;
}
