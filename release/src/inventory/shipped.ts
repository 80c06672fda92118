/** Everything that a release consists of, whether npm installs it or a file of ours holds it. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '@weir/lab';
import { publishedPackages } from '../npm/published.js';
import { type Component, closure, type LockPackages, readLock } from './lock.js';

/** Names of the packages whose code is in the page: packages/web/build writes their licences there. */
export function pagePackages(): string[] {
  const text = readFileSync(join(repository, 'packages/web/dist/page/licenses.txt'), 'utf8');
  return text.split(/^-{80}\n+/m).map((part) => part.slice(0, part.indexOf(' ')));
}

/** Own packages, all that they depend on, and what is in the page. */
export function shippedComponents(lock: LockPackages = readLock()): Component[] {
  const page = pagePackages().map((name) => `node_modules/${name}`);
  return closure(lock, [...publishedPackages().map(({ folder }) => folder), ...page]);
}
