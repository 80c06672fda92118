import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { changeState, formatHash, initialState, parseHash } from '../src/state/view-state.js';

describe('the state in a link', () => {
  test('comes back from its own text, whatever characters it has', () => {
    const state = {
      view: 'table',
      range: '2026-11-26T10:00:00Z..+5m',
      filter: 'proc:"a&b=c#?%" \u202e<b>',
      parameters: { by: 'process,peer', select: '35a4e901.1' },
    } as const;
    assert.deepEqual(parseHash(formatHash(state)), state);
  });

  test('without a view or with an unknown one opens the overview', () => {
    assert.deepEqual(parseHash(''), initialState);
    assert.equal(parseHash('#/nonsense?filter=port%3A443').view, 'overview');
    assert.equal(parseHash('#/nonsense?filter=port%3A443').filter, 'port:443');
  });

  test('keeps range and filter in another view, and drops what only the view before knew', () => {
    const state = { view: 'table', range: '-1d', filter: 'port:443', parameters: { by: 'peer' } } as const;
    assert.deepEqual(changeState(state, { view: 'map' }), {
      view: 'map',
      range: '-1d',
      filter: 'port:443',
      parameters: {},
    });
    assert.deepEqual(changeState(state, { parameters: { by: undefined, order: 'bytes' } }).parameters, {
      order: 'bytes',
    });
  });
});
