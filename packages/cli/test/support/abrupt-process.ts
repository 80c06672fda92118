/** A process that ends in the way that its argument names, for tests of what it still does. */
import { writeSync } from 'node:fs';
import { AbruptEnd } from '../../src/top/ui/abrupt-end.js';

const abruptEnd = new AbruptEnd(() => writeSync(2, 'restored\n'));
const way = process.argv[2]!;
setTimeout(() => {
  if (way === 'disposed') abruptEnd[Symbol.dispose]();
  else if (way === 'exit') process.exit(3);
  else if (way === 'error') throw new Error('nobody catches this');
  else if (way === 'rejection') void Promise.reject(new Error('nobody catches this'));
  else process.kill(process.pid, way);
}, 0);
// The signal comes before this.
setTimeout(() => undefined, way.startsWith('SIG') ? 60_000 : 100);
