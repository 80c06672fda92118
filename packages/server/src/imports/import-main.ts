/** The entry of the process that has an imported file open: see `import-process.ts`. */

import { serveImport } from './import-process.js';
import type { ToImport } from './import-protocol.js';

serveImport({
  send: (message) => process.send?.(message),
  onMessage: (handle) => {
    process.on('message', (message) => handle(message as ToImport));
  },
});
process.on('disconnect', () => process.exit());
