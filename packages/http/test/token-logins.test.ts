/** Logins by tokens. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { bearerToken, newToken, type StoredToken, TokenLogins, tokenDigest } from '../src/auth/index.js';

const text = newToken();
const stored: StoredToken<'read' | 'apply'> = {
  ...{ name: 'a', role: 'read', sha256: tokenDigest(text), created: '2026-01-01T00:00:00.000Z' },
};

it('a token counts as long as it is in the file, and until it expires', () => {
  const logins = new TokenLogins([stored]);
  assert.deepEqual(logins.logIn(text, '192.0.2.1', 0), stored);
  assert.deepEqual([logins.isValid('a', 'read', 0), logins.isValid('a', 'apply', 0)], [true, false]);
  logins.update([{ ...stored, expires: '2026-02-01T00:00:00.000Z' }]);
  assert.equal(logins.isValid('a', 'read', Date.parse('2026-02-01')), false);
  logins.update([]);
  assert.deepEqual(logins.logIn(text, '192.0.2.1', 0), { failure: 'wrong' });
  assert.equal(logins.isValid('a', 'read', 0), false);
});

it('an address with ten wrong tokens waits, also with the right one; others do not', () => {
  const logins = new TokenLogins([stored]);
  for (let i = 0; i < 10; i++) assert.deepEqual(logins.logIn('x', '192.0.2.1', 0), { failure: 'wrong' });
  assert.deepEqual(logins.logIn(text, '192.0.2.1', 0), { failure: 'blocked', waitMs: 6000 });
  assert.deepEqual(logins.logIn(text, '192.0.2.2', 0), stored);
  assert.deepEqual(logins.logIn(text, '192.0.2.1', 6000), stored);
});

it('the header Authorization has a token in one form only', () => {
  assert.deepEqual(['Bearer x', 'bearer  x', 'Basic x', 'Bearer', 'Bearer x y', ''].map(bearerToken), [
    'x',
    'x',
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});
