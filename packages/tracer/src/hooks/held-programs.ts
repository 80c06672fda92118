/**
 * The programs of a tracer as descriptors that another process can take over, with a description of them. What is described is checked:
 * whoever kept the descriptors is less trusted than who takes them.
 */

import type { ProgramDetails } from '@weir/ebpf';
import { type BpfMap, EbpfError, FormatError, HeldLink, type Link, mapFromFd, Program } from '@weir/ebpf';
import type { Fd, QueuedDescriptors } from '@weir/ebpf/sys';
import type { HookChoice } from '../report.js';
import type { HookPlan } from './plan.js';

/** Loaded and attached programs, as a tracer starts with them. */
export interface HeldObjects {
  readonly plan: HookPlan;
  readonly choices: readonly HookChoice[];
  readonly maps: ReadonlyMap<string, BpfMap>;
  readonly programs: ReadonlyMap<string, Program>;
  readonly links: readonly Link[];
}

/** In the order of the descriptors. */
interface Description {
  readonly plan: HookPlan;
  readonly choices: readonly HookChoice[];
  readonly maps: readonly { readonly name: string; readonly id: number }[];
  readonly programs: readonly (ProgramDetails & { readonly id: number })[];
  readonly links: readonly { readonly kind: string; readonly descriptors: number }[];
}

/** Descriptors to keep, and what they are. */
export interface DescribedDescriptors {
  readonly description: string;
  readonly descriptors: readonly number[];
}

const BIGINT = '#bigint';

/** Describes them. Links that cannot be kept are left out: whoever goes on attaches them anew. */
export function describeObjects({ plan, choices, maps, programs, links }: HeldObjects): DescribedDescriptors {
  const kept = links.filter(({ descriptors }) => descriptors !== undefined);
  const description: Description = {
    plan,
    choices,
    maps: [...maps].map(([name, map]) => ({ name, id: map.info().id })),
    programs: [...programs.values()].map(({ name, type, expectedAttachType, kind, attachTo, id }) => {
      return { name, type, expectedAttachType, kind, attachTo, id };
    }),
    links: kept.map(({ kind, descriptors }) => ({ kind, descriptors: descriptors!.length })),
  };
  return {
    description: JSON.stringify(description, (_, value: unknown) =>
      typeof value === 'bigint' ? { [BIGINT]: String(value) } : value,
    ),
    descriptors: [
      ...[...maps.values(), ...programs.values()].map(({ fd }) => fd),
      ...kept.flatMap(({ descriptors }) => descriptors!),
    ],
  };
}

/**
 * Takes them over: all descriptors are the result's, or closed.
 *
 * @throws EbpfError where a descriptor is not what the description says; SyscallError
 */
export function takeObjects({ description, descriptors }: QueuedDescriptors): HeldObjects {
  const left = [...descriptors];
  const owned: Disposable[] = [];
  const next = (): Fd => {
    const fd = left.shift();
    if (fd === undefined) throw new FormatError('there are fewer descriptors than are described');
    return fd;
  };
  const own = <T extends Disposable>(item: T): T => {
    owned.push(item);
    return item;
  };
  try {
    const { plan, choices, ...parts } = readDescription(description);
    const maps = new Map<string, BpfMap>();
    for (const { name, id } of parts.maps) {
      const map = own(mapFromFd(next(), name));
      maps.set(name, sameAs(map.info().id, id, map));
    }
    const programs = new Map<string, Program>();
    for (const { id, ...details } of parts.programs) {
      const program = own(new Program(next(), details));
      programs.set(details.name, sameAs(program.id, id, program));
    }
    const links = parts.links.map(({ kind, descriptors: count }) =>
      own(
        new HeldLink(
          kind,
          Array.from({ length: count }, () => next()),
        ),
      ),
    );
    if (left.length > 0) throw new FormatError('there are more descriptors than are described');
    return { plan, choices, maps, programs, links };
  } catch (error) {
    for (const item of [...owned, ...left]) item[Symbol.dispose]();
    throw error;
  }
}

function readDescription(text: string): Description {
  return JSON.parse(text, (_, value: unknown) => {
    const isBig = typeof value === 'object' && value !== null && BIGINT in value;
    return isBig ? BigInt((value as { [BIGINT]: string })[BIGINT]) : value;
  }) as Description;
}

function sameAs<T extends BpfMap | Program>(id: number, described: number, item: T): T {
  if (id === described) return item;
  throw new EbpfError(`${item.name} is another object than the one that was described`);
}
