/** Modules of the kernel that only some tests need: guests have them in files (lab/src/kernels/modules.ts). */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';

const LISTED = '/lib/weir/on-demand';

/** Loads modules with all that they need, or skips the test and names the one that this kernel lacks. @returns whether all are there. */
export function requireModules(context: TestContext, ...names: readonly string[]): boolean {
  const lists = existsSync(LISTED) ? readFileSync(LISTED, 'utf8').trim().split('\n') : [];
  const orders = new Map(lists.map((list) => list.split(' ')).map((order) => [order.at(-1)!, order]));
  for (const name of names) {
    if (existsSync(`/sys/module/${name}`)) continue;
    const order = orders.get(name);
    if (order === undefined) {
      context.skip(`the lab has no module ${name} for this kernel`);
      return false;
    }
    for (const module of order)
      if (!existsSync(`/sys/module/${module}`)) execFileSync('insmod', [`/lib/weir/${module}.ko`]);
  }
  return true;
}
