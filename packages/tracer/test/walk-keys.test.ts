/** What one walk shows of sockets, compared with the walk before it, in memory that is used again. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WalkKeys } from '../src/connections/walk-keys.js';
import { WALK_KEY_WORDS } from '../src/sockets/index.js';

interface Socket {
  readonly cookie: number;
  readonly version: number;
}

const sockets = (count: number, from = 1): Socket[] =>
  Array.from({ length: count }, (_, index) => ({ cookie: from + index, version: 0 }));

/** Walks as WalkOrder does: what is not where it was expected is looked up. */
class Walks {
  readonly #keys = new WalkKeys();
  readonly #key = new Uint32Array(WALK_KEY_WORDS);
  #last: readonly Socket[] = [];

  /** @returns how many keys were found as they were; none may be that are not. */
  walk(listed: readonly Socket[], ignored: ReadonlySet<number> = new Set()): number {
    this.#keys.begin(this.#last.length);
    const positions = new Map(this.#last.map(({ cookie }, position) => [cookie, position]));
    const now: Socket[] = [];
    let expected = 0;
    let same = 0;
    for (const socket of listed) {
      this.#key.fill(socket.version);
      this.#key[0] = socket.cookie;
      const isSame = this.#keys.put(this.#key, now.length, expected);
      const before = this.#last[expected];
      if (isSame) assert.deepEqual(before, socket, 'another socket, or one that has changed');
      if (ignored.has(socket.cookie)) continue;
      if (isSame) same++;
      now.push(socket);
      const position = positions.get(socket.cookie);
      if (position !== undefined) expected = position + 1;
    }
    this.#last = now;
    return same;
  }
}

describe('keys of a walk', () => {
  it('are those of the last walk while nothing changes, round after round', () => {
    for (const count of [1, 1023, 1024, 1025, 5000]) {
      const walks = new Walks();
      const listed = sockets(count);
      assert.equal(walks.walk(listed), 0);
      for (let round = 0; round < 5; round++) assert.equal(walks.walk(listed), count, `of ${count}`);
    }
  });

  it('differ where a socket has changed, and nowhere else', () => {
    const walks = new Walks();
    const listed = sockets(3000);
    walks.walk(listed);
    listed[1000] = { ...listed[1000]!, version: 7 };
    assert.equal(walks.walk(listed), 2999);
    assert.equal(walks.walk(listed), 3000);
  });

  it('are found behind sockets that have come or gone', () => {
    for (const more of [1, 200, 30_000]) {
      const walks = new Walks();
      const listed = sockets(3000);
      walks.walk(listed);
      const longer = [...listed.slice(0, 10), ...sockets(more, 10_000), ...listed.slice(10)];
      // The first one behind those that came is looked up; the others are expected again.
      assert.ok(walks.walk(longer) >= 2999 - 1, `${more} came`);
      assert.equal(walks.walk(longer), 3000 + more);
      assert.ok(walks.walk(listed) >= 2999 - 1, `${more} have gone`);
      assert.equal(walks.walk(listed), 3000);
    }
  });

  it('are taken for no other ones in any order, with sockets that are of no interest', () => {
    let state = 1;
    const random = (limit: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return (state >>> 8) % limit;
    };
    const walks = new Walks();
    let listed = sockets(1500);
    let next = 2000;
    for (let round = 0; round < 60; round++) {
      const change = random(5);
      if (change === 0) listed = listed.filter(() => random(10) > 0);
      if (change === 1) listed.splice(random(listed.length), 0, ...sockets(random(900), next));
      if (change === 2) listed = listed.map((socket) => ({ ...socket, version: random(2) }));
      if (change === 3) listed.push(...listed.splice(0, random(listed.length)));
      if (change === 4) listed.sort(() => random(3) - 1);
      next += 1000;
      walks.walk(listed, new Set(Array.from({ length: random(4) }, () => random(next))));
      walks.walk(listed);
      assert.equal(walks.walk(listed), listed.length);
    }
  });

  it('start anew where nearly all sockets have gone', () => {
    const walks = new Walks();
    walks.walk(sockets(20_000));
    const few = sockets(10);
    walks.walk(few);
    walks.walk(few);
    assert.equal(walks.walk(few), 10);
  });
});
