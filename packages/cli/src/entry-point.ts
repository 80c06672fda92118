/** The entry of the `weir` command. */
import { runCommandLine } from './run-command-line.js';
import { loadTracer } from './tracing.js';

process.exitCode = await runCommandLine(process.argv.slice(2), {
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
