/** The entry of `weir trace`, whose bundle is one script. */
import { tracerFactory } from '../load-tracer.js';
import { runTrace } from '../trace/run-trace.js';
import { commandsElsewhere } from './commands-elsewhere.js';
import { runProcess } from './standard-host.js';

void runProcess(async () => tracerFactory, { ...commandsElsewhere, trace: runTrace });
