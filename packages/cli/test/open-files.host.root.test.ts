/** Weir with a low limit on open files. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { onlyLine, runWeir } from './support/command.js';
import { TestNetns } from './support/load.js';

it('where weir trace opens as many files as it may, the error names this limit, and no capability', async () => {
  using netns = new TestNetns();
  let failed = 0;
  // At each limit, something else is refused; with the last one, nothing is.
  for (let limit = 32; ; limit += 4) {
    assert.ok(limit < 200, 'never enough');
    const prefix = ['prlimit', `--nofile=${limit}:${limit}`];
    const { status, stderr } = await runWeir(['trace', '--netns', netns.name, '--duration', '1ms'], prefix);
    if (status === 0) break;
    failed++;
    assert.equal(status, 1);
    assert.match(onlyLine(stderr), /EMFILE/);
    assert.doesNotMatch(stderr, /CAP_|as root/);
  }
  assert.ok(failed > 2, String(failed));
});
