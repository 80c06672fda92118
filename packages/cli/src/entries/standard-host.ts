/** The surroundings of the command as a process. */

import { rawArguments } from '../args/raw-arguments.js';
import type { Commands } from '../commands.js';
import { describeCrash, ExitCode } from '../failure.js';
import type { IsWritable } from '../output/descriptor-stream.js';
import { Notices } from '../output/notices.js';
import type { OutputStream } from '../output/output.js';
import {
  leaveAsTheyAre,
  openKeys,
  openStandard,
  replaceRuntimeStreams,
  writeLastWords,
} from '../output/standard-streams.js';
import { runCommandLine } from '../run-command-line.js';
import type { RunHost } from '../run-host.js';
import type { Terminal } from '../top/ui/terminal.js';
import type { TracerLoader } from '../tracing.js';
import { startedWithoutHangup, withoutHangup } from './hangup.js';

/** Runs the command of this process; its exit status is set. */
export async function runProcess(loadTracer: TracerLoader, commands: Commands): Promise<void> {
  leaveAsTheyAre();
  const args = rawArguments(process.argv.slice(2));
  process.on('uncaughtException', (error) => {
    writeLastWords(describeCrash(error, args.includes('--debug')));
    process.exit(1);
  });
  // Node.js exits where nothing is left that could end the command: that is a failure.
  process.once('beforeExit', () => {
    process.exitCode ??= ExitCode.failed;
  });
  process.exitCode = await runCommandLine(args, standardHost(loadTracer), commands);
}

function standardHost(loadTracer: TracerLoader): RunHost {
  const isIgnored = startedWithoutHangup();
  const stdout = openStandard(1);
  const stderr = openStandard(2);
  replaceRuntimeStreams(stdout, stderr);
  return {
    stdout,
    stderr: new Notices(stderr),
    terminal: () => terminalOf(stdout),
    avoidWaiting: (isWritable) => avoidWaiting([stdout, stderr], isWritable),
    ownsProcess: true,
    env: process.env,
    signals: isIgnored ? withoutHangup(process) : process,
    exit: (code) => process.exit(code),
    loadTracer,
  };
}

/** A screen needs a terminal that moves its cursor: `dumb` is what says that it does not. */
function terminalOf(stdout: OutputStream): Terminal | undefined {
  const isScreen = stdout.isTTY === true && process.env.TERM !== 'dumb';
  const stdin = isScreen ? openKeys() : undefined;
  return stdin && { stdin, stdout };
}

function avoidWaiting(streams: readonly OutputStream[], isWritable: IsWritable): void {
  if (streams.every((stream) => stream.avoidWaiting === undefined)) return;
  try {
    isWritable(1);
  } catch {
    // The native part cannot be loaded, which the command is about to report.
    return;
  }
  for (const stream of streams) stream.avoidWaiting?.(isWritable);
}
