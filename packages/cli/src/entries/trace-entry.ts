/** The entry of `weir trace`, whose bundle is one file. */
import { tracerFactory } from '../load-tracer.js';
import { runTrace } from '../trace/run-trace.js';
import { commandsElsewhere } from './commands-elsewhere.js';
import { runProcess } from './standard-host.js';

await runProcess(async () => tracerFactory, { ...commandsElsewhere, trace: runTrace });
