/** The entry of every command: each is loaded when it runs. */
import { lazyCommands } from './lazy-commands.js';
import { runProcess } from './standard-host.js';

void runProcess(async () => (await import('../load-tracer.js')).tracerFactory, lazyCommands);
