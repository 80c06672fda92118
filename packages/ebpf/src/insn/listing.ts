/** Instructions with the source lines that they come from, as `bpftool prog dump xlated linum` shows them. */
import type { Btf } from '../btf/parse.js';
import { type DisassembleOptions, disassemble } from './disassemble.js';

/** The source of an instruction and of those that follow it. */
export interface SourceLine {
  /** The instruction's index. */
  readonly index: number;
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1; 0 where it is not known. */
  readonly column: number;
  readonly text: string;
}

/** The first instruction of a function. */
export interface ListedFunction {
  readonly index: number;
  readonly name: string;
}

/** What a listing shows beside instructions. */
export interface ListingOptions extends DisassembleOptions {
  readonly lines?: readonly SourceLine[];
  readonly functions?: readonly ListedFunction[];
}

/** The line that a record of line information speaks of. @param index The instruction's. */
export function sourceLine(
  btf: Btf,
  index: number,
  {
    fileNameOffset,
    lineOffset,
    lineColumn,
  }: { fileNameOffset: number; lineOffset: number; lineColumn: number },
): SourceLine {
  return {
    index,
    file: btf.string(fileNameOffset),
    line: lineColumn >>> 10,
    column: lineColumn & 0x3ff,
    text: btf.string(lineOffset).trim(),
  };
}

/**
 * Text with a line for each instruction, as {@link disassemble} has it, for each function its name before, and for each source line
 * `; text [file:NAME line_num:1 line_col:2]`.
 */
export function listing(instructions: Uint8Array, options: ListingOptions = {}): string {
  const lines = new Map((options.lines ?? []).map((line) => [line.index, line]));
  const functions = new Map((options.functions ?? []).map(({ index, name }) => [index, name]));
  const text: string[] = [];
  for (const instruction of disassemble(instructions, options)) {
    const index = Number.parseInt(instruction, 10);
    const name = functions.get(index);
    if (name !== undefined) text.push(`${name}:`);
    const source = lines.get(index);
    if (source !== undefined) {
      const { file, line, column } = source;
      text.push(`; ${source.text} [file:${file} line_num:${line} line_col:${column}]`);
    }
    text.push(`  ${instruction}`);
  }
  return `${text.join('\n')}\n`;
}
