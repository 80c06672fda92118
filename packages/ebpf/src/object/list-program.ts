/** A program of an object as text, before any kernel is involved. */

import { instructionSize } from '../insn/insn.js';
import { listing, sourceLine } from '../insn/listing.js';
import { known } from './known.js';
import type { CollectionSpec } from './spec.js';

/**
 * The instructions of an object's program with its functions, maps by name, and the source lines that they come from.
 *
 * @throws EbpfError if there is no such program; FormatError for damaged types.
 */
export function listProgram({ programs, btf, littleEndian }: CollectionSpec, name: string): string {
  const program = known(programs, name, 'program');
  const names = new Map<number, string>();
  for (const { index, map, kind, offset } of program.mapReferences)
    names.set(index, kind === 'fd' ? `map[${map}]` : `map[${map}]+${offset}`);
  for (const { index, name: symbol } of program.externReferences) names.set(index, symbol);
  for (const reference of program.functionReferences) names.set(reference.index, reference.function);
  const lines =
    btf === undefined
      ? []
      : program.lineInfo.map((line) => sourceLine(btf, line.offset / instructionSize, line));
  return listing(program.instructions, { littleEndian, names, lines, functions: program.functions });
}
