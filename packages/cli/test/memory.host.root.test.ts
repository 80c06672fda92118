/** What `weir trace` keeps resident once it traces. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WeirProcess } from './support/command.js';
import { TestNetns } from './support/load.js';

const MOST_RESIDENT_KB = 65_000;

it('weir trace keeps no memory that only its start needed', async () => {
  using netns = new TestNetns();
  using weir = new WeirProcess(['trace', '--json', '--netns', netns.name, '--ready-fd', '3']);
  await weir.ready();
  await netns.load('pairs', '--count', '10');
  const resident = () => {
    const status = readFileSync(`/proc/${weir.pid}/status`, 'latin1');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
  };
  // It is given back a while after the start.
  for (const end = Date.now() + 60_000; resident() >= MOST_RESIDENT_KB && Date.now() < end; )
    await sleep(100);
  assert.ok(resident() < MOST_RESIDENT_KB, `${resident()} kB`);
  // What was given back is there again when it is needed.
  await netns.load('churn', '--count', '1000');
  const { status: code, stderr } = await weir.end('SIGINT');
  assert.equal(code, 0);
  assert.match(stderr, /: 1,010 connect, 1,010 accept, 2,020 close; none lost\n$/);
});
