/** `weir balance` in this process. */
import { EventEmitter } from 'node:events';
import { run } from '../../src/run.js';
import { Capture } from './capture.js';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function balance(...args: string[]): Promise<Outcome> {
  const [stdout, stderr] = [new Capture(), new Capture()];
  const code = await run(['balance', ...args], {
    ...{ stdout, stderr, env: {}, signals: new EventEmitter(), exit: () => undefined },
    loadTracer: () => Promise.reject(new Error('not needed')),
  });
  return { code, stdout: stdout.text, stderr: stderr.text };
}
