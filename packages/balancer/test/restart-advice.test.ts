/** What an operator must do for changes that a running balancer cannot make. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diff } from '../src/config/diff.js';
import { parseConfig } from '../src/config/index.js';
import { restartAdvice } from '../src/control/restart-advice.js';

const rest = 'vips: []\nnat: {sources: [192.0.2.7]}\nroutes: {table: 119}\n';
const start = parseConfig(`interface: eth0\n${rest}`);

function advice(text: string): string {
  const after = parseConfig(text);
  return restartAdvice(start, after, diff(start, after).fixed).replace(/^.* cannot change [^:]*/, '');
}

test('a restart that keeps forwarding is enough for most keys', () => {
  const keeps = ': "weir balance stop --keep-forwarding", then run it again';
  assert.equal(advice(`interface: eth0\nencapsulation: {gue: {}}\n${rest}`), keeps);
  assert.equal(advice(`interface: eth0\nprobes: {source4: 192.0.2.1}\n${rest}`), keeps);
  assert.equal(advice(`interface: eth0\noptions: {maxFrame: 9014}\n${rest}`), keeps);
  assert.equal(advice(`interface: eth0\n${rest.replace('7]', '7], udpIdleSeconds: 9')}`), keeps);
});

test('a restart that forgets flows, leaves routes, or cannot keep forwarding is named', () => {
  assert.match(
    advice(`interface: eth0\noptions: {flows: 9}\n${rest}`),
    /then run it again with --forget-flows,/,
  );
  assert.match(advice(`interface: eth0\n${rest.replace('7]', '8]')}`), /--forget-flows/);
  assert.match(advice(`interface: eth0\n${rest.replace('119', '120')}`), /"ip route flush table 119"/);
  assert.match(
    advice(`interface: eth0\nmode: generic\n${rest}`),
    /^: "weir balance stop", then run it again$/,
  );
  assert.match(advice(`interface: eth1\n${rest}`), /another balancer\. "weir balance stop" ends this one/);
});
