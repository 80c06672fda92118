/** Explains what the program would do with a packet, by a run that changes nothing. */

import { readOutcome } from '../generated/balancer.js';
import type { Explanation, Lookup } from '../status.js';
import { type Flow, flowFrame } from './frame.js';
import { reasonName, verdictName } from './outcome.js';
import type { BalancerPrograms } from './programs.js';
import type { Tables } from './tables.js';

export class Explainer {
  readonly #programs: BalancerPrograms;
  readonly #tables: Tables;
  readonly #cpus: readonly number[];

  /** @param cpus The CPUs that forward. */
  constructor(programs: BalancerPrograms, tables: Tables, cpus: readonly number[]) {
    this.#programs = programs;
    this.#tables = tables;
    this.#cpus = cpus;
  }

  /** @throws SyscallError */
  explain(frame: Uint8Array, cpu: number = this.#cpus[0]!): Explanation {
    const { globals, explain } = this.#programs;
    globals.write('explained_cpu', cpu);
    const { returnValue } = explain.testRun({ data: frame });
    const bytes = globals.read('explanation');
    const outcome = readOutcome(new DataView(bytes.buffer, bytes.byteOffset), 0);
    return { verdict: verdictName(returnValue), reason: reasonName(outcome.reason), ...this.named(outcome) };
  }

  /** Explains a flow's next packet. A CPU whose table knows the flow decides. @throws SyscallError, OptionError */
  lookup(flow: Flow): Lookup {
    const frame = flowFrame(flow);
    const answers = this.#cpus.map((cpu) => this.explain(frame, cpu));
    const found = answers.find(({ reason }) => reason === 'flow-table') ?? answers[0]!;
    return found.reason === 'nat-unknown' ? { ...found, onSyn: this.explain(flowFrame(flow, true)) } : found;
  }

  /** Translates the program's numbers of service and real. */
  named({ vip, real }: { readonly vip: number; readonly real: number }) {
    const { address, port = 0 } = this.#tables.reals.byNumber(real) ?? {};
    return {
      service: this.#tables.services.byNumber(vip - 1)?.service,
      real: address,
      ...(port !== 0 && { realPort: port }),
    };
  }
}
