/** The entry of `weir top`, whose bundle is one script. */
import { tracerFactory } from '../load-tracer.js';
import { runTop } from '../top/run-top.js';
import { commandsElsewhere } from './commands-elsewhere.js';
import { runProcess } from './standard-host.js';

void runProcess(async () => tracerFactory, { ...commandsElsewhere, top: runTop });
