/**
 * Memory that only the start needs. Reading the kernel's types and compiling make many short-lived objects, for which V8 would
 * reserve some 8 MB for good; and most of Node.js' own code runs once.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { syscallRaw } from '@weir/ebpf/sys';

const MADV_DONTNEED = 4;
/**
 * Bytes of bytecode that a function runs before V8 asks whether to optimize it: the default of V8's own, which a program cannot ask for
 * (`node --v8-options` shows it). V8 of Node.js 22 and later has no such flag, and says so on standard error where it is set.
 */
export const USUAL_BUDGET = 66 * 1024;
export const hasBudget = Number.parseInt(process.versions.node, 10) < 22;
const LATE_BUDGET = 4 * USUAL_BUDGET;
/** Milliseconds after the start: by then, what follows it has run, too. */
const DELAY_MS = 500;
/** Events after which V8 has optimized the code that writes them: its compiler's code is hardly needed from then on. */
const WARM_EVENTS = 50_000;

/** Keeps the space for new objects as small as it is, until {@link giveBackSoon}. */
export function keepYoungSpaceSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/**
 * Lets V8 put fewer functions into those that call them when it optimizes. Until the code that writes events is optimized, compiling
 * it takes as much CPU time as all else; so it takes half of that, and less memory, and the code is hardly slower.
 */
export function inlineLess(): void {
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=200');
}

/** For a process that runs for long, after its start: calls of small functions, whose numbers would be objects, cost the most then. */
export function inlineAsUsual(): void {
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=920');
}

/**
 * Lets V8 optimize only code that has run for four times as long as usual, until {@link optimizeAsUsual}. Little of what a start runs ever runs
 * again, and while programs are verified its compiler would need the same CPUs.
 */
export function optimizeLate(): void {
  if (hasBudget) setFlagsFromString(`--interrupt-budget=${LATE_BUDGET}`);
}

export function optimizeAsUsual(): void {
  if (hasBudget) setFlagsFromString(`--interrupt-budget=${USUAL_BUDGET}`);
}

/** Lets that space grow as events need it, and soon gives back the code that ran once. */
export function giveBackSoon(): void {
  setFlagsFromString('--semi-space-growth-factor=2');
  giveBackCodeSoon();
}

/** Soon gives back the code that ran once. The timer keeps no process alive. */
export function giveBackCodeSoon(): void {
  setTimeout(giveBackCode, DELAY_MS).unref();
}

/** Gives back the code of V8's compiler, once it has been at work. */
export class WarmUp {
  #left = WARM_EVENTS;
  readonly #onWarm: () => void;

  constructor(onWarm: () => void = giveBackCodeSoon) {
    this.#onWarm = onWarm;
  }

  /** Counts events that were written. */
  count(events: number): void {
    if (this.#left <= 0) return;
    this.#left -= events;
    if (this.#left <= 0) this.#onWarm();
  }
}

function giveBackCode(): void {
  let mappings: { start: number; length: number }[];
  try {
    mappings = cleanMappings(readFileSync('/proc/self/smaps', 'latin1'), readlinkSync('/proc/self/exe'));
  } catch {
    // Without procfs, all of it is kept.
    return;
  }
  for (const { start, length } of mappings) {
    // These pages are the file's: what is used again comes from the page cache.
    syscallRaw('madvise', start, length, MADV_DONTNEED);
  }
}

/** Where a program is mapped and nothing was written to. Pure. @param smaps Text of /proc/PID/smaps. */
export function cleanMappings(smaps: string, program: string): { start: number; length: number }[] {
  const mappings = smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  return mappings.flatMap((mapping) => {
    const match = /^([0-9a-f]+)-([0-9a-f]+) r-[x-]p \S+ \S+ \d+ +(.*)$/m.exec(mapping);
    const isClean = /^Private_Dirty: +0 kB$/m.test(mapping) && /^Shared_Dirty: +0 kB$/m.test(mapping);
    if (match === null || match[3] !== program || !isClean) return [];
    const start = Number.parseInt(match[1]!, 16);
    return [{ start, length: Number.parseInt(match[2]!, 16) - start }];
  });
}
