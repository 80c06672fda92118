/** The steps from an object to its maps and programs in the kernel. */
import { Candidates } from '../btf/core/candidates.js';
import type { CoreResult } from '../btf/core/relocate.js';
import { kernelBtf } from '../btf/kernel.js';
import type { Btf } from '../btf/parse.js';
import { EbpfError, FormatError, UnsupportedError } from '../errors.js';
import { type FeatureTable, features as kernelFeatures } from '../features/table.js';
import type { BpfMap } from '../map/map.js';
import type { CollectionSpec, MapSpec, ProgramSpec } from '../object/spec.js';
import { Program } from '../program/program.js';
import { raiseMemlock } from '../sys/memlock.js';
import { Globals } from './globals.js';
import { inlineConstants } from './inline-constants.js';
import { fillKconfig, runningKernel } from './kconfig.js';
import { resolveKernelSymbols } from './ksyms.js';
import {
  type LoadedProgram,
  type LoadProgramOptions,
  loadProgram,
  loadProgramOnThread,
} from './load-program.js';
import { createObjectMap, defaultPinPath, fillSlots } from './maps.js';
import { loadObjectBtf } from './object-btf.js';
import { type PrepareContext, prepareInstructions } from './prepare.js';

/** Options of {@link Collection.load}. */
export interface LoadOptions {
  /** The types against which CO-RE relocations are resolved. Default: the running kernel's. */
  readonly btf?: Btf;
  /**
   * Load only these programs, those that they reach through program arrays, and the maps that they use. Default: all maps,
   * and all programs whose sections do not start with `?`.
   */
  readonly programs?: readonly string[];
  /** Numbers of entries by map, in the place of the object's. */
  readonly maxEntries?: Readonly<Record<string, number>>;
  /** Maps to use in the place of the object's; they stay their owners'. */
  readonly replaceMaps?: Readonly<Record<string, BpfMap>>;
  /** Folder in a BPF file system for maps that are pinned by name. Default /sys/fs/bpf. */
  readonly pinPath?: string;
  /** BPF_LOG_*: 1 or 2 for a log of every program (2 is more verbose), 4 for statistics. Default: only of refusals. */
  readonly logLevel?: 0 | 1 | 2 | 4;
  /** The features that the kernel is taken to have. Default: those it has. */
  readonly features?: FeatureTable;
}

/** @throws EbpfError if there is none of that name. */
export function known<T>(all: ReadonlyMap<string, T>, name: string, what: string): T {
  const found = all.get(name);
  if (found !== undefined) return found;
  throw new EbpfError(`no ${what} ${name} was loaded; there are ${[...all.keys()].join(', ') || 'none'}`);
}

/** Disposes of all in reverse order, whatever fails, and then throws the first failure. */
export function disposeAll(owned: readonly Disposable[]): void {
  const failures: unknown[] = [];
  for (const item of [...owned].reverse()) {
    try {
      item[Symbol.dispose]();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

/** One load, step by step. */
export class Loader {
  readonly maps = new Map<string, BpfMap>();
  readonly programs = new Map<string, Program>();
  readonly coreResults = new Map<string, readonly CoreResult[]>();
  readonly logs = new Map<string, string>();
  /** Everything created so far, in order. */
  readonly owned: Disposable[] = [];
  readonly #spec: CollectionSpec;
  readonly #options: LoadOptions;
  readonly #features: FeatureTable;
  #btf: (Disposable & { readonly fd: number }) | undefined;

  constructor(spec: CollectionSpec, options: LoadOptions) {
    this.#spec = spec;
    this.#options = options;
    this.#features = options.features ?? kernelFeatures;
  }

  run(): void {
    const { programs, fillPrograms } = this.#createMaps();
    const context = this.#context(programs);
    for (const spec of programs)
      this.#add(spec, loadProgram(spec, this.#prepare(spec, context), this.#loadOptions()));
    fillPrograms();
  }

  async runAsync(): Promise<void> {
    const { programs, fillPrograms } = this.#createMaps();
    const context = this.#context(programs);
    const loads = programs.map(async (spec) =>
      loadProgramOnThread(spec, this.#prepare(spec, context), this.#loadOptions()),
    );
    const results = await Promise.allSettled(loads);
    for (const [index, spec] of programs.entries()) {
      const result = results[index]!;
      if (result.status === 'fulfilled') this.#add(spec, result.value);
    }
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    fillPrograms();
  }

  /** The steps before the programs. Call `fillPrograms` when those are loaded. */
  #createMaps(): { programs: readonly ProgramSpec[]; fillPrograms: () => void } {
    if (!this.#spec.littleEndian) throw new FormatError('the object is big-endian, this machine is not');
    const programs = this.#withConstants(this.#selectedPrograms());
    const maps = this.#selectedMaps(programs);
    if (!this.#features.has('memcg_accounting')) raiseMemlock();
    if (this.#spec.btf !== undefined) this.#btf = loadObjectBtf(this.#spec.btf, this.#features);
    for (const spec of maps) this.#createMap(spec);
    const mapOf = (name: string) => this.maps.get(name);
    fillSlots(maps, mapOf, 'maps', (name) => this.maps.get(name)?.fd);
    const fillPrograms = () => fillSlots(maps, mapOf, 'programs', (name) => this.programs.get(name)?.fd);
    return { programs, fillPrograms };
  }

  globals(): Globals {
    const constants = [...this.#spec.maps.values()].filter(({ readOnly }) => readOnly === true);
    return new Globals(this.#spec.globals, this.maps, new Set(constants.map(({ name }) => name)));
  }

  /** The kernel keeps the object's types for as long as a map or program refers to them. */
  forgetBtf(): void {
    this.#btf?.[Symbol.dispose]();
  }

  /** The programs to load, in the object's order: those named, and those that are reached from them by tail calls. */
  #selectedPrograms(): readonly ProgramSpec[] {
    const all = this.#spec.programs;
    const { programs: named } = this.#options;
    if (named === undefined) return [...all.values()].filter(({ autoload }) => autoload);
    const selected = new Set<ProgramSpec>();
    const select = (name: string) => {
      const program = all.get(name);
      if (program === undefined) {
        throw new EbpfError(`the object has no program ${name}; it has ${[...all.keys()].join(', ')}`);
      }
      if (selected.has(program)) return;
      selected.add(program);
      for (const { map } of program.mapReferences) {
        for (const slot of this.#spec.maps.get(map)?.initialSlots?.values() ?? [])
          if (all.has(slot)) select(slot);
      }
    };
    named.forEach(select);
    return [...all.values()].filter((program) => selected.has(program));
  }

  /** Kernels that can't read constants from a map, or don't know them for constants, get them as instructions. */
  #withConstants(programs: readonly ProgramSpec[]): readonly ProgramSpec[] {
    if (this.#features.has('global_data') && this.#features.has('known_constants')) return programs;
    try {
      return programs.map((program) => inlineConstants(program, this.#spec.maps));
    } catch (error) {
      // A constant that fits no instruction is this kernel's fault only where it is known to lack the better way.
      if (error instanceof UnsupportedError && this.#features.decide('global_data'))
        this.#features.require('known_constants', error.message);
      throw error;
    }
  }

  /** The maps to create, inner ones before those that hold them. */
  #selectedMaps(programs: readonly ProgramSpec[]): readonly MapSpec[] {
    const all = this.#spec.maps;
    const used = new Set<string>();
    const use = (name: string) => {
      if (used.has(name) || !all.has(name)) return;
      for (const slot of all.get(name)!.initialSlots?.values() ?? []) use(slot);
      used.add(name);
    };
    for (const program of programs) for (const { map } of program.mapReferences) use(map);
    if (this.#options.programs === undefined) {
      // Data that no program uses is no reason to fail where the kernel has no global data.
      for (const [name, { contents }] of all) {
        if (contents === undefined || this.#features.has('global_data')) use(name);
      }
    }
    return [...used].map((name) => all.get(name)!);
  }

  #createMap(spec: MapSpec): void {
    const replacement = this.#options.replaceMaps?.[spec.name];
    if (replacement !== undefined) {
      this.maps.set(spec.name, replacement);
      return;
    }
    const map = createObjectMap(this.#withKconfig(spec), {
      features: this.#features,
      btfFd: this.#btf?.fd,
      maxEntries: this.#options.maxEntries ?? {},
      pinPath: this.#options.pinPath ?? defaultPinPath,
    });
    this.owned.push(map);
    this.maps.set(spec.name, map);
  }

  #withKconfig(spec: MapSpec): MapSpec {
    if (spec.name !== '.kconfig' || spec.contents === undefined) return spec;
    const contents = Uint8Array.from(spec.contents);
    fillKconfig(contents, this.#spec.kconfig.values(), runningKernel(this.#features));
    return { ...spec, contents };
  }

  #prepare(spec: ProgramSpec, context: PrepareContext): Uint8Array {
    const { instructions, coreResults } = prepareInstructions(spec, context);
    this.coreResults.set(spec.name, coreResults);
    return instructions;
  }

  #loadOptions(): LoadProgramOptions {
    return {
      features: this.#features,
      btfFd: this.#btf?.fd,
      logLevel: this.#options.logLevel ?? 0,
    };
  }

  #add(spec: ProgramSpec, { fd, log }: LoadedProgram): void {
    if (log !== undefined) this.logs.set(spec.name, log);
    const program = new Program(fd, spec);
    this.owned.push(program);
    this.programs.set(spec.name, program);
  }

  #context(programs: readonly ProgramSpec[]): PrepareContext {
    const local = this.#spec.btf;
    const relocated = programs.some(({ coreRelocations }) => coreRelocations.length > 0);
    const target = relocated ? (this.#options.btf ?? kernelBtf()) : undefined;
    const targets = target === undefined ? [] : [target];
    const names = new Set(
      programs.flatMap(({ externReferences }) => externReferences.map(({ name }) => name)),
    );
    const symbols = [...this.#spec.kernelSymbols.values()].filter(({ name }) => names.has(name));
    return {
      local,
      targets,
      ...(local === undefined || !relocated ? {} : { candidates: new Candidates(local, targets) }),
      mapFd: (name) => known(this.maps, name, 'map').fd,
      symbols: resolveKernelSymbols(symbols),
      probeReadKernel: this.#features.has('probe_read_kernel'),
    };
  }
}
