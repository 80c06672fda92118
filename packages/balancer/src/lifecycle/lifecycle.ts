/** How a balancer starts, is resumed by another process, and ends. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Program } from '@weir/ebpf';
import type { BalancerPrograms } from '../datapath/programs.js';
import type { ChainPlace, XdpMode } from '../options.js';
import type { BalancerSettings } from '../settings.js';
import { ChainSlot, DeviceAttachments } from './attachments.js';
import { currentNetns } from './own-netns.js';
import { defaultPinRoot, PinFolder } from './pin-folder.js';
import { PreviousInstance } from './previous-instance.js';
import { decodeState, encodeState, type SavedKnowledge, savedChain } from './state.js';

/**
 * The pins and attachments of a balancer. This process may die at any point of a change: new maps and programs are pinned
 * beside the old ones, then the saved state names the new ones, then the new programs replace the old ones, then the old
 * pins are removed. The next process resumes from whichever state it finds.
 */
export class Lifecycle implements Disposable {
  /** The balancer that an earlier process left. */
  readonly previous: PreviousInstance | undefined;
  readonly #settings: BalancerSettings;
  readonly #folder: PinFolder | undefined;
  /** Ids of the programs that this balancer has pinned. */
  readonly #ownIds: Set<number> = new Set();
  readonly #generation: number = 1;
  readonly #netns = currentNetns();
  #devices: DeviceAttachments | undefined;
  #slot: ChainSlot | undefined;
  #committed = false;

  /** @throws OptionError, EbpfError if another process runs the balancer of that name. */
  constructor(settings: BalancerSettings) {
    this.#settings = settings;
    const { pin } = settings;
    if (pin === undefined) return;
    this.#folder = PinFolder.claim(pin.root, pin.name);
    try {
      const text = this.#folder.readState();
      if (text !== undefined) {
        const state = decodeState(text, pin.name);
        this.previous = new PreviousInstance(state, this.#folder.generationPath(state.generation));
      }
      this.#ownIds = pinnedProgramIds(this.#folder);
      this.#generation = Math.max(0, ...this.#folder.generations()) + 1;
    } catch (error) {
      this.#folder[Symbol.dispose]();
      throw error;
    }
  }

  /** Checks whether programs can be attached, before they are loaded. @throws OptionError, EbpfError, SyscallError */
  check(): void {
    const { chain, mode } = this.#settings;
    if (chain !== undefined) {
      this.#slot = new ChainSlot(chain);
      this.#slot.check(this.#ownIds);
    }
    const devices = this.#settings.devices.map(({ name }) => name);
    this.#devices = new DeviceAttachments(devices, mode, this.#folder);
  }

  /** Attaches to devices without a program. @throws SyscallError */
  attach(programs: BalancerPrograms): void {
    this.#devices?.attach((device) => programs.program(device));
  }

  /** Pins the programs and replaces the earlier ones by them. */
  commit(programs: BalancerPrograms, knowledge: SavedKnowledge): void {
    const folder = this.#folder;
    if (folder !== undefined) {
      programs.pin(folder.makeGeneration(this.#generation));
      folder.pinOnce(programs.collection.map('next_program'));
      for (const id of pinnedProgramIds(folder)) this.#ownIds.add(id);
      this.#committed = true;
      this.save(knowledge);
    }
    this.#devices?.commit();
    this.#slot?.put(programs.program(0));
    const before = this.previous?.state.chain ?? undefined;
    const { chain } = this.#settings;
    if (before !== undefined && (before.map !== chain?.map || before.index !== chain.index)) {
      clearSlot(before, this.#ownIds);
    }
    folder?.removeGenerationsBut(this.#generation);
  }

  /** Saves the knowledge of user space. */
  save(knowledge: SavedKnowledge): void {
    if (!this.#committed) return;
    const { chain = null } = this.#settings;
    this.#folder?.writeState(
      encodeState({ generation: this.#generation, chain, netns: this.#netns, ...knowledge }),
    );
  }

  /** Devices and how the programs are attached to them. */
  modes(): { interface: string; mode: XdpMode | undefined }[] {
    return this.#devices?.modes() ?? [];
  }

  /** Detaches the programs and removes all pins. */
  detach(): void {
    this.#committed = false;
    this.#devices?.release();
    if (this.#folder !== undefined) takeDown(this.#folder, this.#settings.chain);
    this[Symbol.dispose]();
  }

  /** After a failed start: removes new pins, and leaves an earlier process's balancer unchanged. */
  rollback(): void {
    if (!this.#committed && this.previous === undefined) this.#folder?.remove();
    this[Symbol.dispose]();
  }

  /** Closes everything. A pinned balancer goes on forwarding. */
  [Symbol.dispose](): void {
    this.#committed = false;
    this.#devices?.release();
    this.#slot?.[Symbol.dispose]();
    this.#folder?.[Symbol.dispose]();
  }
}

/** Detaches a balancer that no process runs; returns whether there was one. @throws EbpfError if one runs it. */
export function detachPinned(name: string, root: string = defaultPinRoot): boolean {
  if (!existsSync(join(root, name))) return false;
  using folder = PinFolder.claim(root, name);
  takeDown(folder, savedChain(folder.readState()));
  return true;
}

/** Detaches everything that is pinned in a folder, and removes the folder. */
export function takeDown(folder: PinFolder, chain: ChainPlace | undefined): void {
  for (const link of folder.openLinks().values()) {
    link.detach();
    link[Symbol.dispose]();
  }
  if (chain !== undefined) clearSlot(chain, pinnedProgramIds(folder));
  folder.remove();
}

function clearSlot(place: ChainPlace, own: ReadonlySet<number>): void {
  // Without its array there is no chain.
  if (!existsSync(place.map)) return;
  using slot = new ChainSlot(place);
  slot.clear(own);
}

function pinnedProgramIds(folder: PinFolder): Set<number> {
  const ids = new Set<number>();
  for (const generation of folder.generations()) {
    const path = folder.generationPath(generation);
    for (const name of readdirSync(path).filter((entry) => entry.startsWith('program_'))) {
      using program = Program.openPinned(join(path, name));
      ids.add(program.id);
    }
  }
  return ids;
}
