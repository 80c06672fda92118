/** Without IPv6 its fields are absent, which is no error. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { discover } from '../src/discovery/index.js';
import { assertTrue } from './support/discovered.js';

it('discovery finds every other field on a kernel without IPv6', () => {
  const discovery = discover();
  const absent = ['skc_v6_daddr', 'skc_v6_rcv_saddr'];
  assertTrue(discovery, absent);
  assert.deepEqual(
    discovery.missing.map(({ field }) => field),
    absent,
  );
});
