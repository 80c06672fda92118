/** Which reals may be drained. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../src/config/index.js';
import { refuseLastReal } from '../src/control/drain-rules.js';
import { RequestError } from '../src/control/names.js';
import type { Condition } from '../src/index.js';

const [web] = parseConfig(`
interface: eth0
vips:
  - name: web
    address: 198.51.100.1
    port: 80
    protocol: tcp
    reals: [{name: a, address: 10.0.0.1}, {name: b, address: 10.0.0.2}, {name: spare, address: 10.0.0.3, weight: 0}]
`).vips;

/** Drains a real while others have these conditions, or are drained. */
function drain(
  real: number,
  conditions: readonly (Condition | undefined)[],
  drained: readonly number[] = [],
) {
  refuseLastReal(web!, web!.reals[real]!, {
    isDrained: (each) => drained.includes(web!.reals.indexOf(each)),
    condition: (each) => conditions[web!.reals.indexOf(each)],
  });
}

test('a real may be drained while another one gets new flows', () => {
  drain(0, ['up', 'up', 'up']);
  drain(0, ['up', undefined, 'up']);
  drain(0, ['up', 'held', 'up']);
  drain(0, ['down', 'down', 'up']);
  drain(2, ['down', 'down', 'up']);
  drain(0, ['up', 'up', 'up'], [0, 1]);
});

test('the last healthy real, and the last one with a weight, are not drained', () => {
  assert.throws(() => drain(0, ['up', 'down', 'up']), {
    name: 'RequestError',
    message: /^a is the last healthy real of web .* --force$/,
  });
  assert.throws(() => drain(1, ['up', 'up', 'up'], [0]), /^RequestError: b is the last real of web/);
  assert.throws(() => drain(1, ['down', 'down', 'up'], [0]), RequestError);
});
