/** The state of a real under checks: properties over random results, and flap damping. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decayed, holdMs, penalized, undamped } from '../src/health/damping.js';
import {
  afterResult,
  type CheckState,
  conditionOf,
  stateFrom,
  unchecked,
} from '../src/health/health-state.js';
import { randomNumbers } from './support/random.js';

const thresholds = { rise: 2, fall: 3 };

/** The states after each result of a text of `+` and `-`. */
function play(results: string, start: CheckState = unchecked, gap = 1000): string[] {
  let state = start;
  return [...results].map((result, i) => {
    state = afterResult(state, result === '+', (i + 1) * gap, thresholds);
    return conditionOf(state);
  });
}

describe('a real under checks', () => {
  it('the first result decides the condition', () => {
    assert.deepEqual(play('+'), ['up']);
    assert.deepEqual(play('-'), ['down']);
  });

  it('the condition changes after rise or fall results in a row', () => {
    assert.deepEqual(play('+--+---'), ['up', 'up', 'up', 'up', 'up', 'up', 'down']);
    assert.deepEqual(play('-+-++'), ['down', 'down', 'down', 'down', 'up']);
  });

  it('the condition of an earlier control plane stays until results contradict it', () => {
    assert.deepEqual(play('-', stateFrom('up')), ['up']);
    assert.deepEqual(play('+', stateFrom('down')), ['down']);
  });

  it('rise and fall hold for random results', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = randomNumbers(seed);
      const rule = { rise: 1 + Math.floor(random() * 4), fall: 1 + Math.floor(random() * 4) };
      const results = Array.from({ length: 100 }, () => random() < 0.6);
      let state = unchecked;
      let isUp: boolean | undefined;
      for (const [i, ok] of results.entries()) {
        state = afterResult(state, ok, i * 1000, rule);
        const tail = (n: number, value: boolean) =>
          i + 1 >= n && results.slice(i + 1 - n, i + 1).every((result) => result === value);
        if (isUp === undefined) isUp = ok;
        else if (!isUp && tail(rule.rise, true)) isUp = true;
        else if (isUp && tail(rule.fall, false)) isUp = false;
        assert.equal(state.agreed, isUp ? 'up' : 'down', `seed ${seed}, result ${i}`);
        assert.ok(state.against < Math.max(rule.rise, rule.fall));
        const condition = conditionOf(state);
        assert.ok(isUp ? condition === 'up' || condition === 'held' : condition === 'down');
      }
    }
  });
});

describe('flap damping', () => {
  it('damping ignores two failures in a short time, and holds after a third', () => {
    assert.equal(play('+---++---++').at(-1), 'up');
    assert.equal(play('+---++---++---++').at(-1), 'held');
  });

  it('damping releases a real that has been up for long enough', () => {
    const held = penalized(penalized(penalized(undamped, 0), 1000), 2000);
    assert.ok(held.held);
    const hold = holdMs(held);
    assert.ok(hold > 180_000 && hold < 200_000, `${hold}`);
    assert.ok(decayed(held, 2000 + hold - 10).held);
    assert.ok(!decayed(held, 2000 + hold + 10).held);
  });

  it('damping holds longer after more failures, for ten minutes at most', () => {
    let damping = undamped;
    let before = 0;
    for (let i = 0; i < 100; i++) {
      damping = penalized(damping, i * 1000);
      const hold = holdMs(damping);
      assert.ok(hold >= before - 1000 && hold <= 600_000 + 1, `${i}: ${hold}`);
      before = hold;
    }
    assert.ok(before > 590_000);
  });

  it('damping never holds a real that fails once in ten minutes', () => {
    let damping = undamped;
    for (let i = 0; i < 1000; i++) {
      damping = penalized(damping, i * 600_000);
      assert.ok(!damping.held);
    }
  });

  it('damping does not depend on the number of results', () => {
    const start = penalized(undamped, 0);
    let often = start;
    for (let time = 1; time <= 60_000; time += 97) often = decayed(often, time);
    assert.ok(Math.abs(decayed(often, 60_000).penalty - decayed(start, 60_000).penalty) < 1e-9);
  });
});
