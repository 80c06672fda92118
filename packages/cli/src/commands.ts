/** What runs once the command line is parsed: an action for each command. */
import type { BalanceRequest } from './balance/requests.js';
import type { Command } from './commander.js';
import type { Shell } from './completion/completion-command.js';
import type { DoctorFlags } from './doctor/doctor-command.js';
import type { ExitCode } from './failure.js';
import type { Output } from './output/output.js';
import type { QueryRequest } from './query/query-command.js';
import type { RunHost } from './run-host.js';
import type { ServeRequest } from './serve/serve-command.js';
import type { TopFlags } from './top/top-flags.js';
import type { TraceFlags } from './trace/trace-flags.js';

/**
 * @param stdout Standard output of the host.
 * @returns the exit status: one of {@link ExitCode}, or that of a signal.
 */
type Run<Request> = (request: Request, host: RunHost, stdout: Output) => Promise<number>;

export interface Commands {
  readonly trace: Run<TraceFlags>;
  readonly top: Run<TopFlags>;
  readonly query: Run<QueryRequest>;
  readonly serve: Run<ServeRequest>;
  readonly doctor: Run<DoctorFlags>;
  readonly balance: Run<BalanceRequest>;
  /** Returns the script. @param program The tree of commands that it completes. */
  readonly completion: (shell: Shell, program: Command) => Promise<string>;
}
