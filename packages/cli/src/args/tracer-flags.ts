/** Flags of the group "Tracer", of `weir trace` and `weir top`, and the options of the tracer that they set. */
import type { Btf } from '@weir/ebpf';
import type { TracerOptions } from '@weir/tracer';
import type { Command } from '../commander.js';
import { definedOnly } from './defined-only.js';
import { parseInteger, parseSize } from './values.js';

/** Parsed flags, by commander's names. */
export interface SharedTracerFlags {
  readonly ringSize?: number;
  readonly btf?: string;
}

/** The flags of `weir trace`. */
export interface TracerFlags extends SharedTracerFlags {
  readonly promptClose?: boolean;
  readonly maxConnections?: number;
}

/** Adds the flags that both commands have. */
export function addSharedTracerFlags(command: Command): Command {
  return addTypes(addRing(command.optionsGroup('Tracer:')));
}

/** Adds the flags of `weir trace`. */
export function addTracerFlags(command: Command): Command {
  command
    .optionsGroup('Tracer:')
    .option('--prompt-close', 'report a close when the process closes, with the counters so far');
  addRing(command).option(
    '--max-connections <number>',
    'connections followed at a time (default: 65536)',
    (text) => parseInteger(text, 'a number', 1, 2 ** 24),
  );
  return addTypes(command);
}

function addRing(command: Command): Command {
  return command.option('--ring-size <size>', 'size of the ring buffer: 512K, 8M (default: 8M)', parseSize);
}

function addTypes(command: Command): Command {
  return command.option(
    '--btf <file>',
    'the kernel’s types: raw BTF, or a .btf.tar.xz of BTFHub; "discover" finds them out',
  );
}

/** The options that these flags set; what was not asked for is absent. */
export function tracerFlagOptions(flags: TracerFlags, btf?: Btf | 'discover'): TracerOptions {
  return definedOnly<TracerOptions>({
    ringBytes: flags.ringSize,
    maxConnections: flags.maxConnections,
    promptClose: flags.promptClose,
    btf,
  });
}
