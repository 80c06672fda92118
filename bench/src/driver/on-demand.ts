/** Modules that guests have but do not load (lab/src/kernels/modules.ts). */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const LISTED = '/lib/weir/on-demand';

/** Loads those of the modules that there are, with all that they need. Outside guests it does nothing. */
export function loadOnDemand(names: readonly string[]): void {
  if (!existsSync(LISTED)) return;
  const orders = readFileSync(LISTED, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  for (const order of orders.filter((each) => names.includes(each.at(-1)!))) {
    for (const module of order) {
      if (!existsSync(`/sys/module/${module}`)) execFileSync('insmod', [`/lib/weir/${module}.ko`]);
    }
  }
}
