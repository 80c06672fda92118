/** `weir balance` in this process. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { runBalanceRequest } from '../../src/balance/run-request.js';
import { describeFailure, ExitCode } from '../../src/failure.js';
import { Output } from '../../src/output/output.js';
import { createProgram } from '../../src/program.js';
import { Capture } from './captured-output.js';
import { helpOutput } from './help-output.js';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const notThis = () => Promise.reject(new Error('not in this test'));

export function balance(...args: string[]): Promise<Outcome> {
  return startBalance(...args).outcome;
}

/** What a command prints that ends well. */
export async function balanceOk(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await balance(...args);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** A command that goes on until it gets a signal. */
export function startBalance(...args: string[]) {
  const [stdout, stderr] = [new Capture(), new Capture()];
  const signals = new EventEmitter();
  return { stderr, signals, outcome: ended(args, stdout, stderr, signals) };
}

/** Not by `run`: where that is bundled, it takes all that the other commands need with it. */
async function ended(
  args: readonly string[],
  stdout: Capture,
  stderr: Capture,
  signals: EventEmitter,
): Promise<Outcome> {
  const host = { ...{ stdout, stderr, env: {}, signals, exit: () => undefined }, loadTracer: notThis };
  let code: number = ExitCode.ok;
  const program = createProgram(
    {
      ...{
        trace: notThis,
        top: notThis,
        query: notThis,
        serve: notThis,
        doctor: notThis,
        completion: notThis,
      },
      balance: async (request) => {
        code = await runBalanceRequest(request, host, new Output(stdout));
      },
    },
    helpOutput((text) => stdout.write(text)),
  );
  try {
    await program.parseAsync(['balance', ...args], { from: 'user' });
  } catch (error) {
    const failure = describeFailure(error, `weir balance ${args[0]}`, false);
    stderr.write(failure.text);
    code = failure.exitCode;
  }
  return { code, stdout: stdout.text, stderr: stderr.text };
}
