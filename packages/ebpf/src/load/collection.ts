/** An object in the kernel: its maps and programs. */
import type { CoreResult } from '../btf/core/relocate.js';
import type { AttachOptions } from '../link/attach.js';
import type { BpfMap } from '../map/map.js';
import type { CollectionSpec } from '../object/spec.js';
import type { Program } from '../program/program.js';
import { type Attachments, attachAll } from './attach-all.js';
import { Globals } from './globals.js';
import { disposeAll, known, Loader, type LoadOptions } from './loader.js';

/** What a collection is made of. */
type Loaded = Pick<Collection, 'maps' | 'programs' | 'coreResults' | 'logs'> &
  Pick<Loader, 'owned' | 'globals'>;

/** Maps and programs of one object. Disposing closes them all; links and pins keep what they hold alive. */
export class Collection implements Disposable {
  readonly maps: ReadonlyMap<string, BpfMap>;
  readonly programs: ReadonlyMap<string, Program>;
  readonly globals: Globals;
  /** The outcomes of each program's CO-RE relocations. */
  readonly coreResults: ReadonlyMap<string, readonly CoreResult[]>;
  /** The verifier's logs by program, where {@link LoadOptions.logLevel} asked for them. */
  readonly logs: ReadonlyMap<string, string>;
  readonly #owned: readonly Disposable[];

  private constructor(loaded: Loaded) {
    this.maps = loaded.maps;
    this.programs = loaded.programs;
    this.globals = loaded.globals();
    this.coreResults = loaded.coreResults;
    this.logs = loaded.logs;
    this.#owned = loaded.owned;
  }

  /**
   * Creates the maps and loads the programs. Whatever fails, nothing stays behind.
   *
   * @throws VerifierError for a program that the kernel refuses; UnsupportedError for a feature that it lacks
   * (global data before 5.2, CO-RE without types); UnknownFeatureError; SyscallError; FormatError for a
   * damaged spec; EbpfError for a program, symbol or kernel option that does not exist, or a pinned map of
   * another shape.
   */
  static load(spec: CollectionSpec, options: LoadOptions = {}): Collection {
    const loader = new Loader(spec, options);
    try {
      loader.run();
      return new Collection(loader);
    } catch (error) {
      disposeAll(loader.owned);
      throw error;
    } finally {
      loader.forgetBtf();
    }
  }

  /**
   * Loads as {@link load} does, all programs at the same time, each on a thread of Node's pool, while the event loop goes on. Sooner
   * than `load` where several programs keep the verifier busy and CPUs are idle.
   *
   * @param meanwhile Called while the kernel verifies them, for what would otherwise wait for it.
   * @throws as {@link load}, for the first program in the object's order that fails; what `meanwhile` throws.
   */
  static async loadAsync(
    spec: CollectionSpec,
    options: LoadOptions = {},
    meanwhile?: () => void,
  ): Promise<Collection> {
    const loader = new Loader(spec, options);
    try {
      await loader.runAsync(meanwhile);
      return new Collection(loader);
    } catch (error) {
      disposeAll(loader.owned);
      throw error;
    } finally {
      loader.forgetBtf();
    }
  }

  /**
   * Puts maps and programs together that another process has loaded, and takes ownership of them. Global variables, outcomes of
   * relocations and logs are not known.
   */
  static of(maps: ReadonlyMap<string, BpfMap>, programs: ReadonlyMap<string, Program>): Collection {
    return new Collection({
      ...{ maps, programs, coreResults: new Map(), logs: new Map() },
      owned: [...maps.values(), ...programs.values()],
      globals: () => new Globals(new Map(), maps, new Set()),
    });
  }

  /** @throws EbpfError if there is none of that name. */
  map(name: string): BpfMap {
    return known(this.maps, name, 'map');
  }

  /** @throws EbpfError if there is none of that name. */
  program(name: string): Program {
    return known(this.programs, name, 'program');
  }

  /**
   * Attaches every program as its section says, and every struct of functions. Programs that need more than their section says are left out
   * unless options are given for them. Whatever fails, nothing stays attached.
   *
   * @param options By the program's name: the cgroup, the device, the process.
   * @returns The links by program, and why the others were left out. They outlive the collection: dispose of them too.
   * @throws as {@link Program.attach}, but for what a program left out lacks; OptionError for options of a program that was not loaded.
   */
  attach(options: Readonly<Record<string, AttachOptions | undefined>> = {}): Attachments {
    return attachAll(this, options);
  }

  /** Closes all, as `using` does: for JavaScript without it. */
  close(): void {
    this[Symbol.dispose]();
  }

  /** Closes the descriptors of all programs and maps. What is pinned or attached stays in the kernel. */
  [Symbol.dispose](): void {
    disposeAll(this.#owned);
  }
}
