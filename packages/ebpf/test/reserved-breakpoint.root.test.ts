/** Debug registers that are reserved before their program is there. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  attachBreakpoint,
  Collection,
  type Link,
  type ReservedBreakpoint,
  reserveBreakpoint,
} from '../src/index.js';
import { parseObject } from '../src/object/parse-object.js';
import { createArena, onlineCpus, openIdleThreadEvent } from '../src/sys/index.js';
import { withoutBreakpoints } from './support/kernel.js';
import { testObject } from './support/objects.js';
import { assertRoot, openDescriptors } from './support/root.js';

assertRoot();

const { address, bytes } = createArena(64);
const watched = { address: BigInt(address), access: 'read-write' } as const;
/** Others on this machine may use registers of whole CPUs; a thread has those that are left. */
const thread = 0;

/** All registers that are left to this thread. */
function reserveAll(): ReservedBreakpoint[] {
  const all: ReservedBreakpoint[] = [];
  assert.throws(() => {
    for (let i = 0; i < 5; i++) all.push(reserveBreakpoint(watched, { thread }));
  }, /ENOSPC: .* no debug register free/);
  return all;
}

function load(): Collection {
  return Collection.load(parseObject(testObject('link/tracing')), { programs: ['on_sample'] });
}

describe('a reserved breakpoint', { skip: withoutBreakpoints }, () => {
  it('holds its registers, which a link then uses', () => {
    using collection = load();
    const program = collection.program('on_sample');
    const descriptors = openDescriptors();
    const all = reserveAll();
    assert.throws(() => attachBreakpoint(program, watched, { thread }), /ENOSPC/);
    {
      using link: Link & { count(): number } = attachBreakpoint(program, watched, {
        thread,
        reserved: all[0]!,
      });
      bytes[3] = bytes[3]! + 1;
      assert.ok(link.count() > 0);
    }
    for (const reserved of all) reserved[Symbol.dispose]();
    assert.deepEqual(openDescriptors(), descriptors);
    for (const reserved of reserveAll()) reserved[Symbol.dispose]();
  });

  it('is on every CPU that is online, and leaves to a link what that has', () => {
    using collection = load();
    const descriptors = openDescriptors();
    {
      using reserved = reserveBreakpoint(watched);
      const opened = openDescriptors().length - descriptors.length;
      assert.equal(opened, onlineCpus().length);
      using link = attachBreakpoint(collection.program('on_sample'), watched, { reserved });
      reserved[Symbol.dispose]();
      bytes[3] = bytes[3]! + 1;
      assert.ok(link.count() > 0);
    }
    assert.deepEqual(openDescriptors(), descriptors);
  });
});

describe('an event of an idle thread', () => {
  it('is open until it is closed', async () => {
    const descriptors = openDescriptors();
    const event = await openIdleThreadEvent();
    assert.ok(event !== undefined && event.fd > 0);
    event[Symbol.dispose]();
    assert.deepEqual(openDescriptors(), descriptors);
  });
});
