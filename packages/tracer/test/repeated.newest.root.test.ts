/** The second program on changes of state, made to repeat what the first one did, as it does where a claim gets lost. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { attachRawTracepoint, kernelBtf } from '@weir/ebpf';
import { withNetns } from '@weir/ebpf/sys';
import { readKernelFeatures } from '../src/hooks/kernel-features.js';
import { planHooks } from '../src/hooks/plan.js';
import { TracerPrograms } from '../src/hooks/programs.js';
import { WallClock } from '../src/stream/clock.js';
import { EventDecoder } from '../src/stream/decode.js';
import { openEventRing, readEvents } from '../src/stream/event-ring.js';
import { TestNetns } from './support/netns.js';
import { RawSocket } from './support/raw-sockets.js';

const RING_BYTES = 1 << 17;

describe('a change of state that is handled twice', () => {
  it('makes no accept of a socket that connects to itself', (t) => {
    const btf = kernelBtf();
    if (btf === undefined)
      return t.skip("needs the kernel's types (CONFIG_DEBUG_INFO_BTF, Linux 5.4 and later)");
    using netns = new TestNetns();
    const { plan } = planHooks(readKernelFeatures(btf), 'listener');
    const options = { filter: { netns: [netns.inode] }, ringBytes: RING_BYTES };
    using programs = new TracerPrograms(plan, btf, options);
    using ring = openEventRing(programs.collection.map('events'), RING_BYTES);
    programs.attach(plan);
    // The claim is used up by then.
    using _again = attachRawTracepoint(programs.collection.program('state_change_nested'));
    withNetns(`/run/netns/${netns.name}`, () => {
      using socket = RawSocket.tcp().bind('127.0.0.1');
      socket.connect('127.0.0.1', socket.port);
    });
    const decoder = new EventDecoder(new WallClock(0n));
    const events: string[] = [];
    readEvents(ring, (view, offset) => events.push(decoder.decode(view, offset).event));
    assert.ok(!events.includes('accept'), events.join());
    assert.equal(events.filter((event) => event === 'connect').length, 1, events.join());
  });
});
