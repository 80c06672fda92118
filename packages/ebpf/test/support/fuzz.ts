/**
 * Feeds damaged files to everything that reads files. Each case has to end in success or in a FormatError, soon, and
 * without using memory out of proportion.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { getHeapStatistics } from 'node:v8';
import { relocate } from '../../src/btf/core/relocate.js';
import { parseBtfExt } from '../../src/btf/ext.js';
import { Btf } from '../../src/btf/parse.js';
import { generate } from '../../src/codegen/generate.js';
import { SectionType } from '../../src/elf/elf-constants.js';
import { ElfFile } from '../../src/elf/file.js';
import { EbpfError, FormatError } from '../../src/errors.js';
import { disassemble } from '../../src/insn/disassemble.js';
import { sanitizeBtf } from '../../src/load/sanitize.js';
import { parseObject } from '../../src/object/parse-object.js';
import { compileBpf } from './compile-bpf.js';
import { type Extent, mutateBlob, mutateElf, type Random } from './mutate.js';
import { randomSource } from './random.js';

/** A case that takes longer, on its fastest of three runs, has failed. Milliseconds of the CPU: others' load is no fault. */
const timeLimit = 200;
/** A case may use this much, a multiple of the file, and its zero-filled variables, of which `parseObject` has a limit. Bytes. */
const memoryLimit = 64 * 1024 * 1024;
const memoryFactor = 500;
const maxZeros = 1024 * 1024 * 1024;

const noSupport = {
  func: false,
  datasec: false,
  globalFunc: false,
  globalPointers: false,
  float: false,
  declTag: false,
  typeTag: false,
  enum64: false,
};

/** A compiled object and its parts, undamaged. */
export interface Sample {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly sections: readonly Extent[];
  readonly btfBytes: Uint8Array;
  readonly extBytes: Uint8Array;
  readonly btf: Btf;
}

/** Compiles a test program, without what debuggers alone read. */
export function sample(source: string): Sample {
  using object = compileBpf(source, '-mcpu=v2');
  execFileSync('llvm-strip-19', ['-g', object.path]);
  return sampleOf(source, new Uint8Array(readFileSync(object.path)));
}

/** A sample of an object that has types. */
export function sampleOf(name: string, bytes: Uint8Array): Sample {
  const elf = ElfFile.parse(bytes);
  const data = (section: string) => elf.data(elf.section(section)!).slice();
  return {
    name,
    bytes,
    sections: elf.sections.filter(({ type, size }) => type !== 8 && size > 0),
    btfBytes: data('.BTF'),
    extBytes: data('.BTF.ext'),
    btf: Btf.parse(data('.BTF')),
  };
}

/** The code that gets a damaged input. */
interface Target {
  readonly name: string;
  readonly mutate: (random: Random, sample: Sample) => Uint8Array;
  readonly run: (input: Uint8Array, sample: Sample) => void;
}

/** Decodes every type and asks everything about it that can be asked. */
function touchTypes(btf: Btf): void {
  for (let id = 0; id < btf.length; id++) {
    for (const ask of [
      () => btf.type(id),
      () => btf.size(id),
      () => btf.skipModifiers(id),
      () => btf.typesByEssentialName(btf.type(id).name),
    ]) {
      expectFormatError(ask);
    }
  }
  expectFormatError(() => Btf.parse(btf.encode()));
  expectFormatError(() => sanitizeBtf(btf.encode(), noSupport));
}

function expectFormatError(run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
  }
}

/** Types of a target may contradict each other, which relocate() reports by a plain EbpfError. */
function expectEbpfError(run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof EbpfError)) throw error;
  }
}

const targets: readonly Target[] = [
  {
    name: 'parseObject',
    mutate: (random, { bytes, sections }) => mutateElf(random, bytes, sections),
    run: (input, { btf }) => {
      const spec = parseObject(input);
      for (const { instructions, coreRelocations } of spec.programs.values()) {
        disassemble(instructions, { littleEndian: spec.littleEndian });
        const { btf: local } = spec;
        if (local === undefined) continue;
        expectEbpfError(() => relocate(instructions.slice(), coreRelocations, local, [btf]));
      }
    },
  },
  {
    name: 'generate',
    mutate: (random, { bytes, sections }) => mutateElf(random, bytes, sections),
    run: (input, { name }) => {
      generate(input, name);
    },
  },
  {
    name: 'Btf.parse',
    mutate: (random, { btfBytes }) => mutateBlob(random, btfBytes),
    run: (input) => touchTypes(Btf.parse(input)),
  },
  {
    name: 'parseBtfExt',
    mutate: (random, { extBytes }) => mutateBlob(random, extBytes),
    run: (input, { btf }) => {
      parseBtfExt(input, btf);
    },
  },
  {
    name: 'relocate',
    mutate: (random, { btfBytes }) => mutateBlob(random, btfBytes),
    run: (input, { bytes, btf }) => {
      const target = Btf.parse(input);
      for (const { instructions, coreRelocations } of parseObject(bytes).programs.values()) {
        expectEbpfError(() => relocate(instructions, coreRelocations, btf, [target]));
      }
    },
  },
];

/** How a case that should not have happened went, with all that is needed to repeat it. */
export class FuzzFailure extends Error {
  override name = 'FuzzFailure';
  readonly input: Uint8Array;

  constructor(what: string, input: Uint8Array, cause?: unknown) {
    super(what, { cause });
    this.input = input;
  }
}

export interface FuzzReport {
  readonly cases: number;
  /** Cases that ended in a FormatError; the others were read. */
  readonly refused: number;
  /** Milliseconds of the slowest case: of the CPU, if by the clock it took longer than a case may. */
  readonly slowest: number;
  readonly slowestCase: string;
}

/**
 * Runs the cases `first` to `first + count - 1` of a seed; each case is the same whatever ran before it.
 * @throws FuzzFailure
 */
export function fuzz(samples: readonly Sample[], seed: number, count: number, first = 0): FuzzReport {
  let refused = 0;
  let slowest = 0;
  let slowestCase = '';
  for (let index = first; index < first + count; index++) {
    const random = randomSource(Math.imul(seed, 0x9e37_79b1) ^ Math.imul(index + 1, 0x85eb_ca6b));
    for (let i = 0; i < 8; i++) random();
    const chosen = samples[Math.floor(random() * samples.length)]!;
    const target = targets[Math.floor(random() * targets.length)]!;
    const input = target.mutate(random, chosen);
    const what = `case ${index} of seed ${seed}: ${target.name} on ${chosen.name}`;
    const outcome = runCase(target, input, chosen, what);
    if (outcome.refused) refused++;
    if (outcome.time > slowest) {
      slowest = outcome.time;
      slowestCase = what;
    }
  }
  return { cases: count, refused, slowest, slowestCase };
}

function runCase(target: Target, input: Uint8Array, chosen: Sample, what: string) {
  const first = runOnce(target, input, chosen, what, () => performance.now());
  if (first.time <= timeLimit) return first;
  // Others' load, compilation and garbage collection may delay a run: then the CPU's time counts, of the fastest of three.
  const again = Array.from({ length: 3 }, () => runOnce(target, input, chosen, what, cpuMilliseconds));
  const time = Math.min(...again.map((run) => run.time));
  if (time > timeLimit) throw new FuzzFailure(`${what}: ${time} ms`, input);
  return { refused: first.refused, time };
}

function runOnce(target: Target, input: Uint8Array, chosen: Sample, what: string, clock: () => number) {
  const memory = memoryInUse();
  const start = clock();
  let refused = false;
  try {
    target.run(input.slice(), chosen);
  } catch (error) {
    if (!(error instanceof FormatError)) throw new FuzzFailure(`${what}: ${String(error)}`, input, error);
    refused = true;
  }
  const time = clock() - start;
  const used = memoryInUse() - memory;
  const allowed = memoryLimit + memoryFactor * input.length;
  if (used > allowed && used > allowed + zeroFilled(input)) {
    throw new FuzzFailure(`${what}: ${used} bytes of memory for an input of ${input.length}`, input);
  }
  return { refused, time };
}

/** Milliseconds; slow to ask for. */
function cpuMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** The bytes of the zero-filled variables that an object has by its section headers; 0 for what is no object. */
function zeroFilled(input: Uint8Array): number {
  let zeros = 0;
  expectFormatError(() => {
    for (const { type, size } of ElfFile.parse(input).sections)
      if (type === SectionType.nobits) zeros += size;
  });
  return Math.min(zeros, maxZeros);
}

/** As `process.memoryUsage()`, which also asks the system, for longer than most cases take. */
function memoryInUse(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}
