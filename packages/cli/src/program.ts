/** The tree of `weir`'s commands. */

import { balanceCommand } from './balance/balance-command.js';
import type { BalanceRequest } from './balance/requests.js';
import { Command } from './commander.js';
import { completionCommand, type Shell } from './completion/completion-command.js';
import { type DoctorFlags, doctorCommand } from './doctor/doctor-command.js';
import { type QueryRequest, queryCommand } from './query/query-command.js';
import { type ServeRequest, serveCommand } from './serve/serve-command.js';
import { topCommand } from './top/top-command.js';
import type { TopFlags } from './top/top-flags.js';
import { traceCommand } from './trace/trace-command.js';
import type { TraceFlags } from './trace/trace-flags.js';
import { packageVersion } from './version.js';

/** Actions of the commands. The tree alone is enough for help and completion. */
export interface Actions {
  trace(flags: TraceFlags): Promise<void>;
  top(flags: TopFlags): Promise<void>;
  query(request: QueryRequest): Promise<void>;
  serve(request: ServeRequest): Promise<void>;
  balance(request: BalanceRequest): Promise<void>;
  doctor(flags: DoctorFlags): Promise<void>;
  completion(shell: Shell): Promise<void>;
}

const examples = `
Examples:
  weir doctor                       what this kernel offers
  weir trace                        every TCP connection of this host, as it happens
  weir trace --json -c nginx        what one program does, for other programs
  weir top                          live connections by traffic
  weir query -1h --by process,peer  who talked to whom in the last hour
  weir serve                        remember every connection
  weir balance check balance.yaml   is a load balancer's configuration good?
  weir help trace                   all about one command`;

/** Where help goes, and how wide it may be. */
export interface HelpOutput {
  writeOut(text: string): void;
  writeErr(text: string): void;
  getOutHelpWidth(): number;
  getErrHelpWidth(): number;
}

/** Commands that know of no other one, as `completion` does. */
const builders: Readonly<Record<string, (actions: Actions) => Command>> = {
  trace: ({ trace }) => traceCommand(trace),
  top: ({ top }) => topCommand(top),
  query: ({ query }) => queryCommand(query),
  serve: ({ serve }) => serveCommand(serve),
  balance: ({ balance }) => balanceCommand(balance),
  doctor: ({ doctor }) => doctorCommand(doctor),
};

/**
 * Builds the tree. It throws CommanderError instead of exiting and prints no errors of its own.
 *
 * @param first The first argument. Where it names a command, others are left out: to build all of them takes several milliseconds.
 */
export function createProgram(actions: Actions, output: HelpOutput, first?: string): Command {
  const program = new Command('weir')
    .description('Shows which process talks to which peer, and how it went, and balances load, with eBPF.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText('after', examples);
  if (first !== undefined && Object.hasOwn(builders, first)) program.addCommand(builders[first]!(actions));
  else {
    for (const build of Object.values(builders)) program.addCommand(build(actions));
    program.addCommand(completionCommand(actions.completion));
  }
  for (const command of withCommands(program)) {
    command.exitOverride().configureOutput({
      ...output,
      outputError: () => undefined,
      // By default, commander asks process.stdout and process.stderr.
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  }
  return program;
}

/** A command and all below it. */
function withCommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withCommands)];
}
