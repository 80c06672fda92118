/** Debug registers that others use, where accept() is seen by a breakpoint. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UnsupportedError } from '@weir/ebpf';
import { Tracer } from '../src/tracer.js';

const BREAKPOINT = 'breakpoint:inet_csk_accept';
/** Nothing else is to be traced. */
const filter = { ports: [{ from: 1, to: 1 }] };

const acceptHook = ({ plan }: Tracer) => plan.find(({ purpose }) => purpose === 'process that accepts')!;

describe('a tracer that finds the debug registers in use', () => {
  it('goes by the listener and says why, and refuses where it is asked to use them', async () => {
    await using first = Tracer.start({ filter });
    // Other kernels have better hooks.
    if (acceptHook(first).chosen !== BREAKPOINT) return;
    await using second = Tracer.start({ filter });
    await using third = Tracer.start({ filter });
    await using fourth = await Tracer.startAsync({ filter });
    assert.equal(acceptHook(fourth).chosen, 'listener');
    // A tracer needs two of four, and there may be others on this machine.
    const last = acceptHook(third);
    assert.equal(last.chosen, 'listener');
    const candidate = last.candidates.find(({ name }) => name === BREAKPOINT)!;
    assert.equal(candidate.state, 'absent');
    assert.match(candidate.reason, /ENOSPC/);
    assert.throws(
      () => Tracer.start({ filter, acceptHook: BREAKPOINT }),
      (error) => error instanceof UnsupportedError && error.message.includes('ENOSPC'),
    );
    await assert.rejects(Tracer.startAsync({ filter, acceptHook: BREAKPOINT }), UnsupportedError);
    assert.equal(second.stats().lost.ring, 0);
  });
});
