/** The entry of `weir serve --server`, whose bundle is one script: a collector waits for it. */
import { runServer } from '../serve/run-server.js';
import { endWithoutReader } from '../serve/serve-process.js';
import { commandsElsewhere } from './commands-elsewhere.js';
import { runProcess } from './standard-host.js';

async function noTracer(): Promise<never> {
  throw new Error('the server does not trace');
}

void runProcess(noTracer, {
  ...commandsElsewhere,
  serve: async (_request, host, stdout) => {
    try {
      return await runServer(host, stdout);
    } finally {
      endWithoutReader(host);
    }
  },
});
