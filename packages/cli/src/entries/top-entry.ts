/** The entry of `weir top`, whose bundle is one file. */
import { tracerFactory } from '../load-tracer.js';
import { runTop } from '../top/run-top.js';
import { commandsElsewhere } from './commands-elsewhere.js';
import { runProcess } from './standard-host.js';

await runProcess(async () => tracerFactory, { ...commandsElsewhere, top: runTop });
