/** Attaching everything that an object has. */
import { OptionError } from '../errors.js';
import { type AttachOptions, attachesBySection } from '../link/attach.js';
import type { Link } from '../link/link.js';
import type { BpfMap } from '../map/map.js';
import { type StructOpsLink, StructOpsMap } from '../map/struct-ops.js';
import { nearest } from '../nearest.js';
import type { Program } from '../program/program.js';
import { disposeAll } from './loader.js';

/** What `attach` of a collection has attached. Disposing of it detaches all. */
export interface Attachments extends Disposable {
  /** By the program's name, or that of a struct of functions. */
  readonly links: ReadonlyMap<string, Link | StructOpsLink>;
  /** Programs that were left out, each with the reason. */
  readonly skipped: ReadonlyMap<string, string>;
  /** Detaches all; doing so again has no effect. */
  detach(): void;
}

/** @throws as `Collection.attach`. */
export function attachAll(
  { programs, maps }: { programs: ReadonlyMap<string, Program>; maps: ReadonlyMap<string, BpfMap> },
  options: Readonly<Record<string, AttachOptions | undefined>>,
): Attachments {
  const unknown = Object.keys(options).find((name) => !programs.has(name));
  if (unknown !== undefined) {
    const meant = nearest(unknown, [...programs.keys()]);
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
    throw new OptionError(`attach: no program ${unknown} was loaded${hint}`);
  }
  const links = new Map<string, Link | StructOpsLink>();
  const skipped = new Map<string, string>();
  const detach = () => {
    const attached = [...links.values()];
    links.clear();
    disposeAll(attached);
  };
  try {
    for (const [name, program] of programs) {
      const given = options[name];
      if (given === undefined && !attachesBySection(program)) {
        skipped.set(name, `programs of section ${program.kind ?? '?'} are not attached by themselves`);
        continue;
      }
      try {
        links.set(name, program.attach(given));
      } catch (error) {
        if (given !== undefined || !(error instanceof OptionError)) throw error;
        skipped.set(name, error.message);
      }
    }
    for (const [name, map] of maps) if (map instanceof StructOpsMap) links.set(name, map.attach());
  } catch (error) {
    detach();
    throw error;
  }
  return { links, skipped, detach, [Symbol.dispose]: detach };
}
