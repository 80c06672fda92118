/** What a collector sees, for those who ask the server. Pure. */
import type { HookChoice } from '@weir/tracer';
import type { CollectorView } from '../wire/messages.js';

/** The collector watches no processes. */
const UNUSED = 'file descriptors of watched processes';
/** More characters of a sentence are cut off. */
const MOST_CHARACTERS = 1024;

/** The hooks of a tracer, each with what it cannot see. @param problem Details that are not available */
export function viewOf(plan: readonly HookChoice[], problem: string | undefined): CollectorView {
  const short = (text: string) => text.slice(0, MOST_CHARACTERS);
  return {
    hooks: plan
      .filter(({ purpose }) => purpose !== UNUSED)
      .map(({ purpose, chosen, undecided, consequence, partial }) => ({
        purpose: short(purpose),
        ...(chosen !== undefined && { hook: short(chosen) }),
        blind: [undecided, consequence, partial?.what].filter((each) => each !== undefined).map(short),
      })),
    problems: problem === undefined ? [] : [short(problem)],
  };
}
