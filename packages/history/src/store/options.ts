/** Options of a store. */
import { OptionError } from '@weir/ebpf/errors';
import { currentSchema, type Schema } from '../schema/index.js';
import type { Notice, Step } from './context.js';
import type { Owner } from './files.js';
import type { Retention } from './retention.js';

/** How to open a history in a folder. */
export interface StoreOptions {
  /** Its folder; made where it is missing, readable by its owner alone. */
  readonly folder: string;
  /** Who owns the files. Default: the process's own user. */
  readonly owner?: Owner;
  /** Only reads: no other process may have it open for writing. Default: false. */
  readonly readOnly?: boolean;
  /** Default: everything is kept. */
  readonly retention?: Retention;
  /** Bytes for DuckDB's buffers, at least 64 MiB. Default: 128 MiB. */
  readonly memoryBytes?: number;
  /** Default: 2. */
  readonly threads?: number;
  /** Bytes on disk for questions that need more than the memory. Default: 1 GiB. */
  readonly temporaryBytes?: number;
  /** Free bytes on the disk below which the oldest segments are removed. Default: 64 MiB. */
  readonly minimumFreeBytes?: number;
  /** Called with what users should learn about. */
  readonly notice?: (notice: Notice) => void;
}

/** What only tests set. */
export interface StoreInternals {
  /** Called at each step; what it throws ends the step. */
  readonly step?: (step: Step) => void | Promise<void>;
  readonly schema?: Schema;
  /** Milliseconds on a clock that cannot be set. */
  readonly uptimeMs?: () => number;
}

/** Options with their defaults. */
export type CheckedOptions = Required<Omit<StoreOptions, 'owner'>> &
  Pick<StoreOptions, 'owner'> &
  Required<StoreInternals>;

const MIB = 2 ** 20;
const LEAST_MEMORY = 64 * MIB;

/** @throws OptionError for options that make no sense. */
export function checkOptions(options: StoreOptions & StoreInternals): CheckedOptions {
  const checked: CheckedOptions = {
    readOnly: false,
    retention: {},
    memoryBytes: 128 * MIB,
    threads: 2,
    temporaryBytes: 2 ** 30,
    minimumFreeBytes: 64 * MIB,
    notice: () => {},
    step: () => {},
    schema: currentSchema,
    uptimeMs: () => performance.now(),
    ...options,
  };
  if (checked.folder === '') throw new OptionError('folder: expected a path');
  if (!(Number.isSafeInteger(checked.memoryBytes) && checked.memoryBytes >= LEAST_MEMORY))
    throw new OptionError(`memoryBytes: expected at least ${LEAST_MEMORY}`);
  if (!(Number.isInteger(checked.threads) && checked.threads >= 1 && checked.threads <= 1024))
    throw new OptionError('threads: expected a number from 1 to 1024');
  const { ageNs, bytes } = checked.retention;
  if (ageNs !== undefined && ageNs <= 0n) throw new OptionError('retention: expected an age above 0');
  if (bytes !== undefined && !(bytes > 0))
    throw new OptionError('retention: expected a number of bytes above 0');
  return checked;
}
