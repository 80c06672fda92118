import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Entries } from '../src/connections/entries.js';
import { Entry } from '../src/connections/entry.js';
import { Tuple } from '../src/connections/tuple.js';
import { WalkOrder } from '../src/connections/walk-order.js';
import { emptyDiagSocket } from '../src/sockets/inet-diag.js';

const NETNS = 4_026_531_840;

/** Sockets and their entries. */
class Sockets {
  readonly entries = new Entries();
  readonly order = new WalkOrder(this.entries);
  readonly #tuple = new Tuple();
  #next = 1;

  add(cookie: number): Entry {
    const id = this.#next++;
    const local = { address: '10.0.0.1', port: 1 + (id % 60_000) };
    const peer = { address: `10.1.${Math.floor(id / 60_000)}.1`, port: 443 };
    const ends = this.#tuple.set(NETNS, 0, local, peer).words;
    const place = this.entries.looseRows.take();
    const entry = new Entry(place, { id, transport: 'tcp', ends, interfaceIndex: 0, nowNs: 0 });
    this.entries.add(entry);
    this.entries.setCookie(entry, cookie);
    return entry;
  }

  /** Walks over these sockets. @returns how many were where they were expected. */
  walk(cookies: readonly number[]): number {
    const socket = emptyDiagSocket();
    socket.netns = NETNS;
    let expected = 0;
    this.order.begin();
    for (const cookie of cookies) {
      socket.cookie = cookie;
      const next = this.order.next(socket);
      if (next !== undefined) expected++;
      const entry = next ?? this.entries.ofCookie(NETNS, cookie) ?? this.add(cookie);
      assert.equal(entry.cookie, cookie);
      this.order.add(entry);
    }
    return expected;
  }
}

const range = (count: number, from = 1) => Array.from({ length: count }, (_, index) => from + index);

describe('the order of a walk over sockets', () => {
  it('is expected again', () => {
    const sockets = new Sockets();
    assert.equal(sockets.walk(range(5000)), 0);
    assert.equal(sockets.walk(range(5000)), 5000);
    assert.equal(sockets.walk(range(5000)), 5000);
  });

  it('goes on behind sockets that came or went', () => {
    const sockets = new Sockets();
    sockets.walk(range(1000));
    const gone = range(1000).filter((cookie) => cookie % 100 !== 0);
    for (const cookie of range(10, 1)) sockets.entries.remove(sockets.entries.ofCookie(NETNS, cookie * 100)!);
    // The one behind each that is gone is looked up.
    assert.equal(sockets.walk(gone), gone.length - 9);
    const come = gone.flatMap((cookie) => (cookie % 100 === 50 ? [cookie, 5000 + cookie] : [cookie]));
    assert.equal(sockets.walk(come), gone.length);
    assert.equal(sockets.walk(come), come.length);
  });

  it('is found again where another part comes first', () => {
    const sockets = new Sockets();
    sockets.walk(range(300));
    assert.equal(sockets.walk([...range(100, 201), ...range(200)]), 298);
    assert.equal(sockets.walk([...range(100, 201), ...range(200)]), 300);
  });

  it('does not give an entry of another socket that has its row now', () => {
    const sockets = new Sockets();
    sockets.walk(range(40));
    for (const cookie of range(40)) sockets.entries.remove(sockets.entries.ofCookie(NETNS, cookie)!);
    for (const cookie of range(40, 101)) sockets.add(cookie);
    assert.equal(sockets.walk(range(40)), 0);
  });
});
