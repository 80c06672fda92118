/** How the table of connections keeps very many: numbers in rows, indices in blocks of memory, views. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatFlowId, readFlowId } from '../src/connections/flow-ids.js';
import { type Connection, copyConnection } from '../src/connections/index.js';
import { NumberIndex } from '../src/connections/number-index.js';
import { Rows } from '../src/connections/rows.js';
import { Simulation } from './support/simulation.js';

describe('an index of numbers', () => {
  it('finds what was added and not removed, however hashes collide', () => {
    let state = 1;
    const random = (limit: number) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * limit);
    };
    // At the end of the table, so that what collides goes on at its beginning.
    const hashOf = (number: number) => (0xffff_fff0 + (number % 23)) | 0;
    const index = new NumberIndex();
    const expected = new Set<number>();
    for (let step = 0; step < 20_000; step++) {
      const number = random(300);
      if (expected.delete(number)) index.remove(hashOf(number), number);
      else {
        index.add(hashOf(number), number);
        expected.add(number);
      }
      const hash = hashOf(random(300));
      const found: number[] = [];
      for (let at = index.first(hash); at >= 0; at = index.next()) found.push(at);
      assert.deepEqual(
        found.sort((a, b) => a - b),
        [...expected].filter((one) => hashOf(one) === hash).sort((a, b) => a - b),
      );
      assert.equal(index.size, expected.size);
    }
    index.remove(1, 2);
    assert.equal(index.size, expected.size);
  });
});

describe('rows of numbers', () => {
  it('keep their first block while connections come one at a time', () => {
    const rows = new Rows();
    const blocks = new Set(
      Array.from({ length: 100 }, () => {
        const number = rows.take();
        const { block } = rows.place(number);
        rows.giveBack(number);
        return block;
      }),
    );
    assert.equal(blocks.size, 1);
  });

  it('give the others back once nothing is in them', () => {
    const rows = new Rows();
    const numbers = Array.from({ length: 3000 }, () => rows.take());
    const before = rows.place(numbers.at(-1)!).block;
    for (const number of numbers) rows.giveBack(number);
    assert.notEqual(rows.place(2999).block, before);
  });
});

describe('a flow id', () => {
  it('becomes words and the same text again', () => {
    const words = new Uint32Array(4);
    for (const text of ['000000000000000.0', '00a1b2c3d4e5f67.12', 'fffffffffffffff.4095']) {
      assert.ok(readFlowId(text, words, 1), text);
      assert.equal(formatFlowId(words, 1), text);
    }
    assert.equal(formatFlowId(new Uint32Array(3), 0), undefined);
  });

  it('stays a text where the words would give another one', () => {
    const words = new Uint32Array(3);
    const odd = [
      '',
      'flow1',
      '00a1b2c3d4e5f67.',
      '00a1b2c3d4e5f67.01',
      '00A1B2C3D4E5F67.1',
      '00a1b2c3d4e5f678.1',
    ];
    for (const text of [...odd, '00a1b2c3d4e5f67.1x', '00a1b2c3d4e5f67.12345678901'])
      assert.ok(!readFlowId(text, words, 0), text);
  });
});

describe('views of connections', () => {
  const views = (simulation: Simulation): Connection[] => {
    const iterator = simulation.table.views();
    return [...{ [Symbol.iterator]: () => iterator }];
  };

  it('have the values of the connections themselves, through whatever happens', () => {
    for (let round = 1; round <= 20; round++) {
      const simulation = new Simulation({}, round);
      for (let step = 0; step < 100; step++) {
        const choice = simulation.random(10);
        if (choice < 4) simulation.openRandom(false);
        else if (choice < 7) simulation.moveRandom();
        else if (choice < 8) simulation.closeRandom();
        else {
          simulation.deliver();
          simulation.refresh();
        }
        assert.deepEqual(views(simulation).map(copyConnection), [...simulation.table.connections()]);
      }
    }
  });

  it('stay the same objects, and keep their last values when another connection has their row', () => {
    const simulation = new Simulation();
    const flow = simulation.connect({ port: 4000, pid: 7 });
    simulation.deliver();
    simulation.refresh();
    const [view] = views(simulation);
    simulation.move(flow, 1000, 300);
    simulation.refresh();
    assert.equal(views(simulation)[0], view);
    simulation.close(flow);
    simulation.deliver();
    const last = copyConnection(view!);
    assert.deepEqual(
      [last.local.port, last.state, last.bytes_sent, last.send_rate],
      [4000, 'close', 1000, 0],
    );
    for (let port = 5000; port < 5010; port++) simulation.connect({ port, pid: 8 });
    simulation.deliver();
    simulation.refresh();
    assert.equal(simulation.table.size, 10);
    assert.deepEqual(copyConnection(view!), last);
    assert.deepEqual(
      simulation.table.takeEnded().ended.map(({ connection }) => connection),
      [last],
    );
  });

  it('of thousands of connections are each found by flow, ends and cookie again', () => {
    const simulation = new Simulation();
    const count = 3_000;
    const flows = Array.from({ length: count }, (_, index) =>
      simulation.connect({ port: 1_024 + index, pid: 1 + (index % 5) }),
    );
    simulation.deliver();
    simulation.refresh();
    for (const flow of flows.filter((_, index) => index % 3 === 0)) simulation.close(flow);
    for (const [index, flow] of flows.entries()) if (index % 3 === 1) simulation.move(flow, index, 2 * index);
    simulation.deliver();
    simulation.refresh();
    const byPort = new Map(views(simulation).map((view) => [view.local.port, view]));
    assert.equal(byPort.size, (count / 3) * 2);
    for (const [index, flow] of flows.entries()) {
      const view = byPort.get(flow.local.port);
      const sent = index % 3 === 1 ? index : 0;
      assert.deepEqual(
        view && [view.flow_id, view.process?.pid, view.bytes_sent, view.bytes_received],
        index % 3 === 0 ? undefined : [flow.flowId, flow.pid, sent, 2 * sent],
      );
    }
    assert.equal(simulation.table.totals.ended, count / 3);
    assert.equal(simulation.table.totals.vanished, 0);
  });
});
