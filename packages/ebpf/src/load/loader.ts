/** The steps from an object to its maps and programs in the kernel. */
import { Candidates } from '../btf/core/candidates.js';
import type { CoreResult } from '../btf/core/relocate.js';
import { kernelBtf } from '../btf/kernel.js';
import type { Btf } from '../btf/parse.js';
import { EbpfError, FormatError, OptionError, UnsupportedError } from '../errors.js';
import { type FeatureTable, features as kernelFeatures } from '../features/table.js';
import { instructionSize } from '../insn/insn.js';
import { ArenaMap } from '../map/arena-map.js';
import type { BpfMap } from '../map/map.js';
import { createMap } from '../map/open.js';
import { StructOpsMap } from '../map/struct-ops.js';
import { nearest } from '../nearest.js';
import type { CollectionSpec, MapSpec, ProgramSpec, StructOpsSpec } from '../object/spec.js';
import { Program } from '../program/program.js';
import { raiseMemlock } from '../sys/memlock.js';
import { loadedForUsdt } from '../usdt/usdt-links.js';
import { UsdtSpecs, usdtMaps } from '../usdt/usdt-specs.js';
import { Globals } from './globals.js';
import { inlineConstants } from './inline-constants.js';
import { fillKconfig, runningKernel } from './kconfig.js';
import { type KernelOps, kernelOps, structOpsValue } from './kernel-ops.js';
import { functionModules, resolveKernelSymbols } from './ksyms.js';
import {
  type LoadedProgram,
  type LoadProgramOptions,
  loadProgram,
  loadProgramOnThread,
} from './load-program.js';
import {
  createLargeMap,
  createObjectMap,
  defaultPinPath,
  fillSlots,
  isLarge,
  type MapOptions,
} from './maps.js';
import { ModuleTypes } from './module-types.js';
import { loadObjectBtf } from './object-btf.js';
import {
  type PrepareContext,
  patchReferences,
  prepareInstructions,
  relocateInstructions,
} from './prepare.js';
import type { TargetProgram } from './program-target.js';

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
  /**
   * Loaded programs, or open descriptors of them, by name of the program here that attaches to one: what `freplace` replaces a function of, and
   * what `fentry` and `fexit` trace instead of the kernel. Sections name the function; `SEC("fentry")` means the program's own.
   */
  readonly targets?: Readonly<Record<string, TargetProgram>>;
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
  readonly #modules = new ModuleTypes();
  #btf: (Disposable & { readonly fd: number }) | undefined;
  /** The kernel's structs that maps stand for, by map. */
  readonly #structs = new Map<string, KernelOps>();
  #fdArray: readonly number[] = [];
  #usdt: UsdtSpecs | undefined;

  constructor(spec: CollectionSpec, options: LoadOptions) {
    this.#spec = spec;
    this.#options = options;
    this.#features = options.features ?? kernelFeatures;
  }

  run(): void {
    const { programs, maps } = this.#begin();
    for (const spec of maps) this.#createMap(spec);
    this.#fillSlots(maps, 'maps');
    const context = this.#context(programs);
    for (const spec of programs) {
      const { instructions, coreResults } = prepareInstructions(spec, context);
      this.coreResults.set(spec.name, coreResults);
      this.#add(spec, loadProgram(spec, instructions, this.#loadOptions(spec)));
    }
    this.#fillSlots(maps, 'programs');
    this.#fillStructs(maps);
  }

  /** @param meanwhile As {@link Collection.loadAsync} has it. */
  async runAsync(meanwhile?: () => void): Promise<void> {
    const { programs, maps } = this.#begin();
    // The kernel makes them while programs are relocated.
    const created = this.#createMapsOnThreads(maps);
    let loads: readonly Promise<LoadedProgram>[] = [];
    try {
      const context = this.#context(programs);
      const relocated = programs.map((spec) => relocateInstructions(spec, context));
      await created;
      loads = programs.map(async (spec, index) => {
        const { instructions, coreResults } = relocated[index]!;
        patchReferences(spec, instructions, context);
        this.coreResults.set(spec.name, coreResults);
        return await loadProgramOnThread(spec, instructions, this.#loadOptions(spec));
      });
      meanwhile?.();
    } finally {
      // Where something fails, what is under way is to be closed, too.
      await created.catch(() => undefined);
      for (const [index, result] of (await Promise.allSettled(loads)).entries())
        if (result.status === 'fulfilled') this.#add(programs[index]!, result.value);
    }
    await Promise.all(loads);
    this.#fillSlots(maps, 'programs');
    this.#fillStructs(maps);
  }

  /** The steps before maps and programs: which of them, and their types. */
  #begin(): { programs: readonly ProgramSpec[]; maps: readonly MapSpec[] } {
    this.#checkNames();
    if (!this.#spec.littleEndian) throw new FormatError('the object is big-endian, this machine is not');
    const programs = this.#withConstants(this.#selectedPrograms());
    const maps = this.#selectedMaps(programs);
    if (!this.#features.has('memcg_accounting')) raiseMemlock();
    if (this.#spec.btf !== undefined) this.#btf = loadObjectBtf(this.#spec.btf, this.#features);
    return { programs, maps };
  }

  /** @throws OptionError for options about maps or programs that the object does not have. */
  #checkNames(): void {
    const { maxEntries, replaceMaps, targets } = this.#options;
    const check = (
      option: string,
      given: object | undefined,
      what: string,
      all: ReadonlyMap<string, unknown>,
    ) => {
      const unknown = Object.keys(given ?? {}).find((name) => !all.has(name));
      if (unknown === undefined) return;
      const close = nearest(unknown, all.keys());
      const hint =
        close === undefined ? `it has ${[...all.keys()].join(', ') || 'none'}` : `did you mean ${close}?`;
      throw new OptionError(`${option}: the object has no ${what} ${unknown}; ${hint}`);
    };
    check('maxEntries', maxEntries, 'map', this.#spec.maps);
    check('replaceMaps', replaceMaps, 'map', this.#spec.maps);
    check('targets', targets, 'program', this.#spec.programs);
  }

  #fillSlots(maps: readonly MapSpec[], kind: 'maps' | 'programs'): void {
    const filled = kind === 'maps' ? this.maps : this.programs;
    fillSlots(
      maps,
      (name) => this.maps.get(name),
      kind,
      (name) => filled.get(name)?.fd,
    );
  }

  /** Creates large maps on threads, the others meanwhile on this one. Never rejects before it is awaited. */
  #createMapsOnThreads(maps: readonly MapSpec[]): Promise<void> {
    const options = this.#mapOptions();
    const large = maps
      .filter(({ name }) => this.#options.replaceMaps?.[name] === undefined)
      .filter((spec) => isLarge(spec, options));
    const pending = large.map(async (spec) => this.#own(spec, await createLargeMap(spec, options)));
    const created = (async () => {
      try {
        for (const spec of maps) if (!large.includes(spec)) this.#createMap(spec);
      } finally {
        await Promise.allSettled(pending);
      }
      await Promise.all(pending);
      this.#fillSlots(maps, 'maps');
    })();
    created.catch(() => undefined);
    return created;
  }

  globals(): Globals {
    const constants = [...this.#spec.maps.values()].filter(({ readOnly }) => readOnly === true);
    return new Globals(this.#spec.globals, this.maps, new Set(constants.map(({ name }) => name)));
  }

  /** The kernel keeps types, the object's and those of modules, for as long as a map or program refers to them. */
  forgetBtf(): void {
    this.#modules[Symbol.dispose]();
    this.#btf?.[Symbol.dispose]();
  }

  /** The programs to load, each as it will be attached. */
  #selectedPrograms(): readonly ProgramSpec[] {
    return this.#namedPrograms().map((program) => loadedForUsdt(program, this.#features));
  }

  /** In the object's order: those named, and those that are reached from them by tail calls. */
  #namedPrograms(): readonly ProgramSpec[] {
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
    // A struct is put in force as a whole.
    for (const { structOps } of this.#spec.maps.values()) {
      const functions = [...(structOps?.functions.values() ?? [])].filter((name) => all.has(name));
      if (functions.some((name) => selected.has(all.get(name)!))) functions.forEach(select);
    }
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
    const loaded = new Set(programs.map(({ name }) => name));
    for (const [name, { structOps }] of all) {
      if (structOps === undefined) continue;
      const named = [...structOps.functions.values()].some((fn) => loaded.has(fn));
      if (this.#options.programs === undefined ? structOps.autocreate : named) use(name);
    }
    if (this.#options.programs === undefined) {
      // Data that no program uses is no reason to fail where the kernel has no global data.
      for (const [name, { contents, structOps }] of all) {
        if (structOps !== undefined) continue;
        if (contents === undefined || this.#features.has('global_data')) use(name);
      }
    }
    return [...used].map((name) => all.get(name)!);
  }

  #createMap(spec: MapSpec): void {
    const replacement = this.#options.replaceMaps?.[spec.name];
    if (replacement !== undefined) {
      if (replacement instanceof ArenaMap) replacement.memory();
      this.maps.set(spec.name, replacement);
      return;
    }
    const { structOps } = spec;
    if (structOps !== undefined) this.#own(spec, this.#createStruct(spec, structOps));
    else this.#own(spec, createObjectMap(this.#withKconfig(spec), this.#mapOptions()));
  }

  #createStruct(spec: MapSpec, { typeId }: StructOpsSpec): BpfMap {
    const local = this.#spec.btf;
    if (local === undefined) throw new FormatError(`map ${spec.name}: the object has no BTF`);
    const ops = kernelOps(local.type(typeId).name, this.#modules);
    this.#structs.set(spec.name, ops);
    const kernelValue = { typeId: ops.valueTypeId, btfFd: ops.btfFd };
    return createMap({ ...spec, valueSize: ops.valueSize }, { btfFd: this.#btf?.fd, kernelValue });
  }

  /** Structs get the descriptors of their programs. */
  #fillStructs(maps: readonly MapSpec[]): void {
    for (const spec of maps) {
      const [ops, map, local] = [this.#structs.get(spec.name), this.maps.get(spec.name), this.#spec.btf];
      if (ops === undefined || local === undefined || !(map instanceof StructOpsMap)) continue;
      map.prepare(structOpsValue(spec, local, ops, (name) => this.programs.get(name)?.fd));
    }
  }

  #own(spec: MapSpec, map: BpfMap): void {
    this.owned.push(map);
    this.maps.set(spec.name, map);
  }

  #mapOptions(): MapOptions {
    return {
      features: this.#features,
      btfFd: this.#btf?.fd,
      maxEntries: this.#options.maxEntries ?? {},
      pinPath: this.#options.pinPath ?? defaultPinPath,
    };
  }

  #withKconfig(spec: MapSpec): MapSpec {
    if (spec.name !== '.kconfig' || spec.contents === undefined) return spec;
    const contents = Uint8Array.from(spec.contents);
    fillKconfig(contents, this.#spec.kconfig.values(), runningKernel(this.#features));
    return { ...spec, contents };
  }

  #loadOptions({ name }: ProgramSpec): LoadProgramOptions {
    return {
      features: this.#features,
      btfFd: this.#btf?.fd,
      logLevel: this.#options.logLevel ?? 0,
      modules: this.#modules,
      target: this.#options.targets?.[name],
      missing: (index) => this.#missingAt(name, index),
      fdArray: this.#fdArray,
    };
  }

  /** What an instruction refers to that the kernel lacks, in words. */
  #missingAt(program: string, index: number): string | undefined {
    const result = this.coreResults
      .get(program)
      ?.find(
        ({ outcome, relocation }) => outcome === 'poisoned' && relocation.offset / instructionSize === index,
      );
    if (result !== undefined) return result.description;
    const call = this.#spec.programs
      .get(program)
      ?.externReferences.find((reference) => reference.kind === 'kfunc' && reference.index === index);
    return call === undefined ? undefined : `kernel function ${call.name}`;
  }

  #add(spec: ProgramSpec, { fd, log }: LoadedProgram): void {
    if (log !== undefined) this.logs.set(spec.name, log);
    const program = new Program(fd, { ...spec, usdt: this.#usdtSpecs() });
    this.owned.push(program);
    this.programs.set(spec.name, program);
  }

  /** One for all programs, made once the maps exist; none without the map of specs. */
  #usdtSpecs(): UsdtSpecs | undefined {
    const specs = this.maps.get(usdtMaps.specs);
    if (specs !== undefined) this.#usdt ??= new UsdtSpecs(specs, this.maps.get(usdtMaps.ids));
    return this.#usdt;
  }

  #context(programs: readonly ProgramSpec[]): PrepareContext {
    const local = this.#spec.btf;
    const relocated = programs.some(({ coreRelocations }) => coreRelocations.length > 0);
    const targets = relocated ? this.#targets(programs) : undefined;
    const names = new Set(
      programs.flatMap(({ externReferences }) => externReferences.map(({ name }) => name)),
    );
    const symbols = [...this.#spec.kernelSymbols.values()].filter(({ name }) => names.has(name));
    const resolved = resolveKernelSymbols(symbols, { local, modules: this.#modules });
    this.#fdArray = functionModules(resolved.values());
    return {
      local,
      targets,
      ...(local === undefined || targets === undefined ? {} : { candidates: new Candidates(local, targets) }),
      mapFd: (name) => known(this.maps, name, 'map').fd,
      symbols: resolved,
      fdArray: this.#fdArray,
      probeReadKernel: this.#features.has('probe_read_kernel'),
    };
  }

  /** The types that relocations choose from. Types that are given stand for a whole kernel, whose modules are not this one's. */
  #targets(programs: readonly ProgramSpec[]): Iterable<Btf> | undefined {
    const kernel = this.#options.btf ?? kernelBtf();
    kernel?.expectNames(this.#relocatedTypes(programs));
    if (kernel === undefined || this.#options.btf !== undefined) return kernel && [kernel];
    const modules = this.#modules;
    return {
      *[Symbol.iterator]() {
        yield kernel;
        for (const { btf } of modules.modules?.all() ?? []) yield btf;
      },
    };
  }

  /** The names of the types that relocations ask about. */
  *#relocatedTypes(programs: readonly ProgramSpec[]): Generator<string, void, undefined> {
    const local = this.#spec.btf;
    const asked = new Set(
      programs.flatMap(({ coreRelocations }) => coreRelocations.map(({ typeId }) => typeId)),
    );
    if (local !== undefined) for (const typeId of asked) yield local.type(typeId).name;
  }
}
