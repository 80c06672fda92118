/** A tool while it runs. Its start takes until it traces, its stop until its last line is in the output file. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Tool } from '../tools.js';
import { openInput } from './input.js';
import { cpuTimes, programTimes } from './kernel.js';
import { type Load, warmUpName } from './load.js';

const outputPath = '/tmp/bench-output';
const errorPath = '/tmp/bench-errors';
/** Tools that compile their programs take a minute under emulation. */
const startLimitMs = 180_000;
const idleStepMs = 500;

/** The end of what the tool wrote to standard error. */
function complaint(): string {
  return readFileSync(errorPath, 'utf8').trim().slice(-500);
}

export class RunningTool {
  readonly #tool: Tool;
  readonly #child: ChildProcess;

  private constructor(tool: Tool) {
    this.#tool = tool;
    const output = openSync(outputPath, 'w');
    const errors = openSync(errorPath, 'w');
    const [program, ...args] = [...tool.command, ...(tool.readyFd ? ['--ready-fd', '3'] : [])];
    this.#child = spawn(program!, args, {
      stdio: [openInput, output, errors, tool.readyFd ? 'pipe' : 'ignore'],
    });
    closeSync(output);
    closeSync(errors);
  }

  /** Statistics must be on: that a tool without `readyFd` traces is seen by its programs' runs. */
  static async start(tool: Tool, load: Load): Promise<RunningTool> {
    const running = new RunningTool(tool);
    const failed = once(running.#child, 'exit').then(() => {
      throw new Error(`${tool.name} ended at once: ${complaint()}`);
    });
    const late = sleep(startLimitMs, undefined, { ref: false }).then(() => {
      throw new Error(`${tool.name} did not trace within ${startLimitMs / 1000} s: ${complaint()}`);
    });
    const stopped = { yes: false };
    try {
      const ready = tool.readyFd ? running.#saysReady() : running.#runsSteadily(load, stopped);
      await Promise.race([ready, failed, late]);
    } catch (error) {
      stopped.yes = true;
      running.#child.kill('SIGKILL');
      throw error;
    }
    failed.catch(() => undefined);
    return running;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  times() {
    return programTimes(this.pid);
  }

  async #saysReady(): Promise<void> {
    await once(this.#child.stdio[3] as Readable, 'data');
  }

  /** Waits until two bursts of connections in a row cause equally many runs: then all programs are attached. */
  async #runsSteadily(load: Load, stopped: { yes: boolean }): Promise<void> {
    let before = 0;
    let previous = -1;
    while (!stopped.yes) {
      load.warmUp(20);
      const { runs } = this.times();
      if (runs > before && runs - before === previous) return;
      previous = runs - before;
      before = runs;
      await sleep(50);
    }
  }

  /** Waits until the tool has nothing left to do but to look for events: less than a tenth of a CPU. */
  async idle(): Promise<void> {
    let previous = 0;
    for (;;) {
      const { userUs, systemUs } = cpuTimes(this.pid);
      if (userUs + systemUs - previous < (idleStepMs * 1000) / 10) return;
      previous = userUs + systemUs;
      await sleep(idleStepMs);
    }
  }

  /** Ends the tool and counts the event lines it printed, without those of warming up. */
  async stop(): Promise<number> {
    await this.idle();
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGINT');
    await Promise.race([
      ended,
      sleep(20_000, undefined, { ref: false }).then(() => this.#child.kill('SIGKILL')),
    ]);
    await ended;
    const line = new RegExp(this.#tool.eventLine);
    return readFileSync(outputPath, 'latin1')
      .split('\n')
      .filter((text) => line.test(text) && !text.includes(warmUpName)).length;
  }
}
