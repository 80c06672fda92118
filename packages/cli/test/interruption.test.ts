import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import { Interruption } from '../src/trace/interruption.js';

describe('signals that end a session', () => {
  it('that come twice at once, as from timeout(1), are one', (context) => {
    let now = 1000;
    context.mock.method(performance, 'now', () => now);
    const signals = new EventEmitter();
    const calls: (string | number)[] = [];
    using interruption = new Interruption(
      signals,
      () => calls.push('end'),
      (status) => calls.push(status),
    );
    signals.emit('SIGTERM', 'SIGTERM');
    now += 1;
    signals.emit('SIGTERM', 'SIGTERM');
    assert.deepEqual(calls, ['end']);
    assert.equal(interruption.exitCode, 143);
    now += 300;
    signals.emit('SIGTERM', 'SIGTERM');
    assert.deepEqual(calls, ['end', 143]);
  });

  it('of two kinds end it at once', () => {
    const signals = new EventEmitter();
    const calls: (string | number)[] = [];
    using _ = new Interruption(
      signals,
      () => calls.push('end'),
      (status) => calls.push(status),
    );
    signals.emit('SIGINT', 'SIGINT');
    signals.emit('SIGTERM', 'SIGTERM');
    assert.deepEqual(calls, ['end', 143]);
  });
});
