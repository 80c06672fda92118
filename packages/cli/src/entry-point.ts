/** The entry of the `weir` command. */
import { runProcess } from './standard-host.js';
import { loadTracer } from './tracing.js';

await runProcess(loadTracer);
