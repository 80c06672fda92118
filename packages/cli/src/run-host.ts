/** The surroundings of the command: streams, environment, signals, and the tracer. Tests pass their own. */
import type { IsWritable } from './output/descriptor-stream.js';
import type { ErrorOutput } from './output/notices.js';
import type { OutputStream } from './output/output.js';
import type { Terminal } from './top/ui/terminal.js';
import type { SignalSource } from './trace/interruption.js';
import type { TracerLoader } from './tracing.js';

export interface RunHost {
  readonly stdout: OutputStream;
  readonly stderr: ErrorOutput;
  /** The terminal that standard input and output are both connected to. */
  terminal?(): Terminal | undefined;
  /**
   * Called by commands that have other work while a reader is slow: from then on, no write waits in the kernel.
   *
   * @param isWritable Asks the kernel, by a system call that Node.js does not have.
   */
  avoidWaiting?(isWritable: IsWritable): void;
  /** Whether the process is only this command's, which may give up its privileges. */
  readonly ownsProcess?: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly signals: SignalSource;
  /** Ends the process at once. */
  exit(code: number): void;
  readonly loadTracer: TracerLoader;
}
