/** The entry of the `weir` command. */
import { run } from './run.js';
import { loadTracer } from './tracing.js';

process.exitCode = await run(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  terminal: () =>
    process.stdin.isTTY && process.stdout.isTTY
      ? { stdin: process.stdin, stdout: process.stdout }
      : undefined,
  env: process.env,
  signals: process,
  exit: (code) => process.exit(code),
  loadTracer,
});
