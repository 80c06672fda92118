/** The command, with a mistake that nothing catches. */
import { runProcess } from '../../src/standard-host.js';

await runProcess(async () => {
  setImmediate(() => {
    throw new TypeError('on purpose');
  });
  return await new Promise(() => undefined);
});
