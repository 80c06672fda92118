/** Advice about reals to which packets go directly. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, parseConfig } from '../src/config/index.js';
import { neighbourAdvice } from '../src/control/neighbour-advice.js';

test('a real that does not answer has a line that says what happens to its packets', () => {
  const [lost, unknown, ...others] = neighbourAdvice([
    { address: '10.0.0.1', state: 'known' },
    { address: '10.0.0.2', state: 'lost' },
    { address: '10.0.0.3', state: 'unknown' },
  ]);
  assert.match(lost!, /^real 10\.0\.0\.2 does not answer .* go to its last MAC address/);
  assert.match(unknown!, /^real 10\.0\.0\.3 does not answer .* are dropped/);
  assert.deepEqual(others, []);
});

for (const [vip, expected] of [
  ['reals: [{address: 10.0.0.1, port: 8080}]', /forwarding: direct keeps the VIP's port/],
] as const) {
  test(`a direct VIP is refused with ${expected.source}`, () => {
    const text = `interface: eth0\nvips:\n- {address: 198.51.100.1, port: 80, protocol: tcp, forwarding: direct, ${vip}}\n`;
    assert.throws(
      () => parseConfig(text),
      (error) => error instanceof ConfigError && expected.test(error.message),
    );
  });
}

test('direct reals need no source of a tunnel', () => {
  const vip =
    'address: 198.51.100.1, port: 80, protocol: tcp, forwarding: direct, reals: [{address: 10.0.0.1}]';
  const { vips } = parseConfig(`interface: eth0\nencapsulation: {gue: {}}\nvips:\n- {${vip}}\n`);
  assert.equal(vips[0]!.forwarding, 'direct');
});
