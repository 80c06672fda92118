/** A terminal that cannot move its cursor. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { it } from 'node:test';
import { bin } from './support/command.js';
import { TestNetns } from './support/load.js';

it('weir top prints tables on a dumb terminal, without control sequences', async () => {
  using netns = new TestNetns();
  const command = `timeout -s INT 5 ${process.execPath} ${bin} top --netns ${netns.name} --interval 200ms`;
  const env = { ...process.env, TERM: 'dumb', SHELL: '/bin/bash' };
  const terminal = spawn('script', ['-qec', command, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env,
  });
  const [output] = await Promise.all([text(terminal.stdout), once(terminal, 'close')]);
  assert.ok(!output.includes('\u001b'), JSON.stringify(output));
  assert.ok(output.split('\n').filter((line) => line.startsWith('PROTO')).length > 1, output);
});
