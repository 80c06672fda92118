/** The hook plan in words. */
import type { HookChoice, TypeChoice } from '@weir/tracer';
import { escapeText } from '../text/escape.js';

const sources: Readonly<Record<TypeChoice['source'], string>> = {
  kernel: "the kernel's own",
  file: 'those of the file',
  cache: 'those of an earlier discovery',
  discovery: 'discovered at this start',
};

/** The line that says where the kernel's types come from. */
export function typesLine({ source, rejected }: TypeChoice): string {
  const reason = rejected === undefined ? '' : `${rejected}; `;
  return escapeText(`${reason}types in use: ${sources[source]}`);
}

/** The lines of `--verbose`: a line a hook, and what is lost where a better one is missing. */
export function planLines(plan: readonly HookChoice[]): string[] {
  return plan.flatMap(({ purpose, chosen, consequence }) => {
    const choice = escapeText(`${purpose}: ${chosen ?? 'none'}`);
    return consequence === undefined ? [choice] : [choice, `  ${escapeText(consequence)}`];
  });
}

/** Lines about parts of the host that are not seen. */
export function partialLines(plan: readonly HookChoice[]): string[] {
  return plan.flatMap(({ partial }) =>
    partial === undefined ? [] : [escapeText(`${partial.what}; ${partial.advice}`)],
  );
}

/** The line that says that tracing began. */
export function readyLine(plan: readonly HookChoice[]): string {
  const accept = plan.find(({ purpose }) => purpose.includes('accept'))?.chosen;
  const how = accept === undefined ? '' : ` (accept seen by ${escapeText(accept)})`;
  return `tracing${how}; Ctrl-C ends`;
}
