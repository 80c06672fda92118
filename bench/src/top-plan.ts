/** The plan that top-bench gives its driver, and the samples that come back: JSON both ways. */

/** A tool that shows traffic while it flows. Plain data: it is handed to the guest. */
export interface Watcher {
  readonly name: string;
  readonly command: readonly string[];
}

export interface TopPlan {
  /** Path of weir-load. */
  readonly load: string;
  readonly tools: readonly Watcher[];
  readonly rounds: number;
  /** How often a load is run for one figure: the least of them counts. */
  readonly repeats: number;
  /** Round trips of one run, one byte each way. */
  readonly roundTrips: number;
  /** Bytes of one run of the bulk transfer. */
  readonly bytes: number;
}

/** The least seconds, and the least CPU seconds of the processes, of several runs of one load. */
export interface LoadTimes {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

export interface BothLoads {
  readonly pingPong: LoadTimes;
  readonly bulk: LoadTimes;
}

/** One tool in one round. */
export interface TopSample {
  readonly round: number;
  readonly tool: string;
  /** Before the tool was started. */
  readonly alone: BothLoads;
  readonly running: BothLoads;
  /** While the tool's process was stopped, but all that it has put into the kernel was there. */
  readonly stopped: BothLoads;
  /** Share of a CPU that the tool's process used while both loads ran. */
  readonly toolShare: number;
}

export interface TopFailure {
  readonly tool: string;
  readonly failure: string;
}

export const topPrefix = 'top-sample ';
/** The environment variable that carries the plan. */
export const topPlanVariable = 'WEIR_TOP_PLAN';

/** The tools that show traffic. @param weir Path of the command. */
export function watchers(weir: string): readonly Watcher[] {
  const top = ['node', weir, 'top', '--interval', '1s'];
  return [
    { name: 'weir top', command: top },
    { name: 'weir top --no-udp', command: [...top, '--no-udp'] },
    { name: 'tcptop', command: ['tcptop', '-C', '1'] },
    { name: 'nethogs', command: ['nethogs', '-t', '-d', '1', '-a'] },
    { name: 'iftop', command: ['iftop', '-t', '-n', '-N', '-P', '-i', 'lo'] },
  ];
}
