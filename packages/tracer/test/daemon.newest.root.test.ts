/** A server whose first process, which called listen(), has ended. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { AcceptRecord, CloseRecord } from '../src/index.js';
import { collect } from './support/collect.js';
import { accountedBy, availableAcceptHooks } from './support/hooks.js';
import { TestNetns } from './support/netns.js';

const program = fileURLToPath(new URL('./support/daemon-program.js', import.meta.url));
const PORT = 4000;

describe('a daemon whose first process has ended', () => {
  for (const hook of availableAcceptHooks()) {
    it(`is named by its accepts and closes with ${hook}`, async () => {
      using netns = new TestNetns();
      const inside = (...args: string[]) =>
        execFileSync('ip', ['netns', 'exec', netns.name, process.execPath, ...args], { encoding: 'utf8' });
      const filter = { netns: [netns.inode] };
      let daemon = 0;
      const { records } = await collect({ acceptHook: hook, filter }, async () => {
        daemon = Number(inside(program, String(PORT)));
        inside('-e', `require('node:net').connect(${PORT}, '127.0.0.1').resume()`);
      }).finally(() => process.kill(daemon));
      const inbound = records.filter(
        (record): record is AcceptRecord | CloseRecord =>
          (record.event === 'accept' || record.event === 'close') && record.local.port === PORT,
      );
      assert.deepEqual(
        inbound.map(({ event, process: owner }) => [event, owner?.pid]),
        [
          ['accept', daemon],
          ['close', daemon],
        ],
      );
      const [accept] = inbound as [AcceptRecord];
      assert.equal(accept.accounted, accountedBy(hook));
      assert.equal(accept.candidates, undefined);
    });
  }
});
