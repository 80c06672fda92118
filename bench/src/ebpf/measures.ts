/** What a library is measured by, as each of the programs prints it. All times are CPU time of the process. */

/** The parts, each in a process of its own. */
export const parts = ['btf', 'load', 'maps', 'ring'] as const;

export interface Measures {
  /** The kernel's types ready for CO-RE, milliseconds; what they add to resident memory, KiB. */
  readonly btfMs?: number;
  readonly btfKib?: number;
  /** From the object's file to maps, with a ring of {@link smallRing}, and programs in the kernel, types included. */
  readonly loadFirstMs?: number;
  readonly loadAgainMs?: number;
  /** Resident memory after the first load, KiB. */
  readonly residentKib?: number;
  /** A hash of 10,000 elements, nanoseconds an element. */
  readonly updateNs?: number;
  readonly lookupNs?: number;
  readonly keysNs?: number;
  readonly entriesNs?: number;
  /** Records of 32 bytes out of a ring, nanoseconds a record: into one object that is used again, into columns. */
  readonly objectNs?: number;
  readonly columnsNs?: number;
}

export type Measure = keyof Measures;

export const keyCount = 10_000;
export const passes = 20;
export const warmUp = 3;
export const recordCount = 400_000;
export const fills = 8;
export const loads = 5;
/** Bytes of the ring of an object that is only loaded: the kernel takes longer to clear a large one than a load takes. */
export const smallRing = 256 * 1024;
