/** Tables of the kernel's enumerations, from which numbers, names and versions follow. */

/** One enumerator. */
export interface Enumerator {
  readonly id: number;
  /** The first mainline version that has it, such as `5.8`. */
  readonly since: string;
}

export type EnumeratorTable = { readonly [key: string]: Enumerator };

/** The numbers alone, by key. */
export type Numbers<T extends EnumeratorTable> = { readonly [K in keyof T]: T[K]['id'] };

export function numbersOf<T extends EnumeratorTable>(table: T): Numbers<T> {
  return Object.fromEntries(Object.entries(table).map(([key, { id }]) => [key, id])) as Numbers<T>;
}

/** The kernel's spelling of a key: `percpuHash` becomes `PERCPU_HASH`. */
export function kernelSpelling(key: string): string {
  return key.replace(/[A-Z]/g, '_$&').toUpperCase();
}

/** A function that gives a number's name in the kernel's spelling; for one without a name, the prefix and the number. */
export function nameFunction(
  prefix: string,
  numbers: { readonly [key: string]: number },
): (id: number) => string {
  const names = new Map(Object.entries(numbers).map(([key, id]) => [id, prefix + kernelSpelling(key)]));
  return (id) => names.get(id) ?? `${prefix}${id}`;
}

/** A function that gives the first version that has a number; undefined for one that is not in the table. */
export function sinceFunction(table: EnumeratorTable): (id: number) => string | undefined {
  const versions = new Map(Object.values(table).map(({ id, since }) => [id, since]));
  return (id) => versions.get(id);
}
