/** What an error of the database or of the file system means. Pure. */

/** The kinds that are handled; `other` is passed on. */
export type FailureKind =
  | 'full'
  | 'read-only'
  | 'in-use'
  | 'interrupted'
  | 'invalidated'
  | 'missing'
  | 'damaged'
  | 'memory'
  | 'other';

const codes: Readonly<Record<string, FailureKind>> = {
  ENOSPC: 'full',
  EDQUOT: 'full',
  EROFS: 'read-only',
  ENOENT: 'missing',
};

/** DuckDB reports what the system said as text. */
const texts: readonly (readonly [RegExp, FailureKind])[] = [
  [/No space left on device|Disk quota exceeded|could not write all bytes|not enough space/i, 'full'],
  // What is more than the memory goes to the disk meanwhile.
  [/Failed to create checkpoint because of error: failed to offload/, 'full'],
  [/Read-only file system/i, 'read-only'],
  [/Could not set lock on file|Conflicting lock/i, 'in-use'],
  [/^INTERRUPT|Interrupted!/, 'interrupted'],
  [/^Out of Memory Error/, 'memory'],
  [/database has been invalidated/i, 'invalidated'],
  [/not a valid DuckDB database file|corrupt|checksum|Serialization Error|replaying WAL/i, 'damaged'],
  [/No such file or directory|No files found/i, 'missing'],
];

/** The kind of an error. */
export function failureKind(error: unknown): FailureKind {
  if (!(error instanceof Error)) return 'other';
  const { code } = error as { code?: unknown };
  const known = typeof code === 'string' ? codes[code] : undefined;
  return known ?? texts.find(([text]) => text.test(error.message))?.[1] ?? 'other';
}

/** Whether reading a damaged file may have caused an error; those of a statement itself are others. */
export function mayBeDamage(error: unknown): boolean {
  const kind = failureKind(error);
  if (kind === 'damaged') return true;
  if (kind !== 'other') return false;
  return /^(IO|Invalid|Serialization|INTERNAL|Corrupt|TProtocol)|parquet/i.test((error as Error).message);
}
