import assert from 'node:assert/strict';
import { it } from 'node:test';
import { seldom } from '../src/spool/seldom.js';

it('a message that comes again and again is said once a minute, another one at once', () => {
  let now = 0;
  const said: string[] = [];
  const say = seldom(
    (message) => said.push(`${now} ${message}`),
    () => now,
  );
  for (now = 0; now <= 125_000; now += 1000) say('the disk is full');
  say('the disk is read-only');
  say('the disk is full');
  assert.deepEqual(said, [
    '0 the disk is full',
    '60000 the disk is full',
    '120000 the disk is full',
    '126000 the disk is read-only',
    '126000 the disk is full',
  ]);
});
