/** Weir in a time namespace, whose clocks are not those by which the kernel's programs note events. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { WeirProcess } from './support/command.js';
import { TestNetns } from './support/load.js';

interface Line {
  readonly time: string;
  readonly process: { readonly executable?: string };
}

for (const seconds of ['86400', '-3']) {
  // Only children of the caller are in the namespace; nobody but the last of them may hold the descriptor of --ready-fd.
  const child = ['sh', '-c', '"$@" & exec 3>&-; wait $!', 'sh'];
  const inside = ['unshare', '--time', '--monotonic', seconds, '--boottime', seconds, ...child];

  it(`in a time namespace of ${seconds} s, records have the wall time of their moment and their process`, async () => {
    using netns = new TestNetns();
    const args = ['trace', '--ready-fd', '3', '--json', '--enrich', '--netns', netns.name, '--count', '2'];
    using weir = new WeirProcess([...args, '-e', 'connect'], inside);
    await weir.ready();
    const from = Date.now();
    await netns.load('pairs', '--count', '2');
    const { status, stdout, stderr } = await weir.ended;
    assert.equal(status, 0, stderr);
    const lines = stdout.trimEnd().split('\n');
    const records = lines.map((line) => JSON.parse(line) as Line);
    assert.equal(records.length, 2);
    for (const { time, process } of records) {
      assert.ok(Date.parse(time) >= from - 2 && Date.parse(time) <= Date.now() + 2, time);
      assert.match(process.executable ?? '', /weir-load$/);
    }
  });
}
