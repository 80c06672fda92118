/** BPF_PROG_LOAD, which a signal can interrupt. */
import { constants } from 'node:os';
import { Command } from '../uapi/commands.js';
import type { Attr } from './attr.js';
import { bpfRaw } from './bpf.js';
import { withoutSignals } from './signals.js';

const { EAGAIN } = constants.errno;
const MOST_TRIES = 5;

/**
 * Loads a program; the descriptor, or the negative errno. The verifier gives up with EAGAIN when a signal is pending. A profiler sends them
 * (SIGPROF) faster than a large program is verified, so they wait until it is.
 */
export function progLoadRaw(attr: Attr<'progLoad'>): number {
  return withoutSignals(() => {
    let result: number;
    let tries = 0;
    do result = bpfRaw(Command.progLoad, attr);
    while (result === -EAGAIN && ++tries < MOST_TRIES);
    return result;
  });
}
