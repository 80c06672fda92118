/** The plan that the driver gets, and the samples that come back: JSON both ways. */
import type { Tool } from './tools.js';

export interface Plan {
  /** Path of weir-load. */
  readonly load: string;
  readonly tools: readonly Tool[];
  /** Each round measures every tool once, and the load alone once; the tools in turn in this order and in the opposite one. */
  readonly rounds: number;
  /** Whether the time from start to the first event is measured, too. */
  readonly starts: boolean;
  /** Connections of one measured load. */
  readonly connections: number;
  /** Seconds of one step in the search for the highest rate without loss. */
  readonly rateSeconds: number;
  /** Rounds of the search; may be 0. */
  readonly rateRounds: number;
}

/** One tool, or the load alone, under one load. */
export interface CostSample {
  readonly kind: 'cost';
  readonly round: number;
  /** Absent: no tool, the load alone. */
  readonly tool?: string;
  /** Seconds for the load's connections while nothing else is measured. */
  readonly loadSeconds: number;
  /** Time in the tool's programs, nanoseconds a connection (bpf stats). */
  readonly kernelNs?: number;
  /** Runs of the tool's programs a connection. */
  readonly kernelRuns?: number;
  /** CPU time of the tool's process a printed event, microseconds. */
  readonly userUs?: number;
  readonly systemUs?: number;
  /** Resident memory after the load, and its peak, bytes. */
  readonly residentBytes?: number;
  readonly peakBytes?: number;
  /** Share of one CPU that the tool's process uses while nothing happens. */
  readonly idleShare?: number;
  /** Event lines that should have been printed, and were. */
  readonly expected?: number;
  readonly printed?: number;
}

/** From the start of a tool to its first event line on a terminal, with connections being made all the time. */
export interface StartSample {
  readonly kind: 'start';
  readonly round: number;
  readonly tool: string;
  readonly seconds: number;
}

/** One step of the search for the highest rate. */
export interface RateSample {
  readonly kind: 'rate';
  readonly round: number;
  readonly tool: string;
  /** Connections a second that were asked for; absent: as many as possible. */
  readonly asked?: number;
  /** Connections a second that were made. */
  readonly made: number;
  readonly expected: number;
  readonly printed: number;
}

/** A tool that could not be measured. */
export interface Failure {
  readonly kind: 'failure';
  readonly tool: string;
  readonly message: string;
}

export type Sample = CostSample | StartSample | RateSample | Failure;

/** The start of the driver's lines with results. */
export const samplePrefix = 'bench-sample ';
/** The environment variable that carries the plan. */
export const planVariable = 'WEIR_BENCH_PLAN';

/** Takes samples out of the driver's output as it comes. */
export class SampleReader {
  readonly samples: Sample[] = [];
  readonly #onSample: (sample: Sample) => void;
  #held = '';

  constructor(onSample: (sample: Sample) => void = () => {}) {
    this.#onSample = onSample;
  }

  append(text: string): void {
    const lines = (this.#held + text).split('\n');
    this.#held = lines.pop()!;
    for (const line of lines) {
      if (!line.startsWith(samplePrefix)) continue;
      const sample = JSON.parse(line.slice(samplePrefix.length)) as Sample;
      this.samples.push(sample);
      this.#onSample(sample);
    }
  }
}
