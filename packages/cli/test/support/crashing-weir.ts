/** The command, with a mistake that nothing catches. */
import { lazyCommands } from '../../src/entries/lazy-commands.js';
import { runProcess } from '../../src/entries/standard-host.js';

await runProcess(async () => {
  setImmediate(() => {
    throw new TypeError('on purpose');
  });
  return await new Promise(() => undefined);
}, lazyCommands);
