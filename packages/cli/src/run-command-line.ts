/** Parses the command line, runs the command, and returns its exit status. */
import { type Machine, requireLittleEndian, thisMachine } from '@weir/ebpf/machine';
import type { Command } from './commander.js';
import type { Commands } from './commands.js';
import { describeFailure, ExitCode } from './failure.js';
import { Output } from './output/output.js';
import { createProgram } from './program.js';
import type { RunHost } from './run-host.js';
import { useAscii, wantsAscii } from './text/charset.js';

/** Columns of help that does not go to a terminal. */
const DEFAULT_WIDTH = 80;

/** Runs `weir` with these arguments (without `node` and the script) and returns the exit status. */
export async function runCommandLine(
  args: readonly string[],
  host: RunHost,
  commands: Commands,
  machine: Machine = thisMachine(),
): Promise<number> {
  useAscii(wantsAscii(host.env));
  const stdout = new Output(host.stdout);
  let exitCode: number = ExitCode.ok;
  let help = '';
  const program = createProgram(
    {
      trace: async (flags) => {
        exitCode = await commands.trace(flags, host, stdout);
      },
      top: async (flags) => {
        exitCode = await commands.top(flags, host, stdout);
      },
      query: async (request) => {
        exitCode = await commands.query(request, host, stdout);
      },
      serve: async (request) => {
        exitCode = await commands.serve(request, host, stdout);
      },
      doctor: async (flags) => {
        exitCode = await commands.doctor(flags, host, stdout);
      },
      balance: async (request) => {
        exitCode = await commands.balance(request, host, stdout);
      },
      completion: async (shell) => {
        await stdout.writeData(await commands.completion(shell, program));
      },
    },
    {
      writeOut: (text) => {
        help += text;
      },
      writeErr: (text) => host.stderr.write(text),
      getOutHelpWidth: () => host.stdout.columns ?? DEFAULT_WIDTH,
      getErrHelpWidth: () => host.stderr.columns ?? DEFAULT_WIDTH,
    },
    args[0],
  );
  const fail = (error: unknown) => {
    const failure = describeFailure(error, commandName(program, args), args.includes('--debug'));
    host.stderr.write(failure.text);
    exitCode = failure.exitCode;
  };
  try {
    requireLittleEndian(machine);
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    fail(error);
  }
  await stdout.write(help).catch(fail);
  return exitCode;
}

/** The full name of the command that the arguments mean: `weir balance check`. */
function commandName(command: Command, args: readonly string[]): string {
  const child = command.commands.find((candidate) => args.includes(candidate.name()));
  return child === undefined ? command.name() : `${command.name()} ${commandName(child, args)}`;
}
