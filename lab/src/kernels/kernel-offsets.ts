/** The offsets of a kernel's fields as its compiler says them, from the assembly of `lab/kernel/offsets.c`. */

/**
 * Reads the lines that the source's macro leaves in the assembly.
 *
 * @returns Byte offsets by `struct.field`.
 * @throws Error if there are none, or one is not a number.
 */
export function parseOffsets(assembly: string): Record<string, number> {
  const offsets: Record<string, number> = {};
  for (const [, field, value] of assembly.matchAll(/->weir (\S+) \$?(\S+)"/g)) {
    if (!/^\d+$/.test(value!)) throw new Error(`the offset of ${field} is not a number: ${value}`);
    offsets[field!] = Number(value);
  }
  if (Object.keys(offsets).length === 0) throw new Error('the assembly holds no offsets');
  return offsets;
}
