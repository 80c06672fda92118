/** Connections that open, move, close and take each other's places at random, of which the table learns more or less. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MINUTE, SECOND, Simulation } from './support/simulation.js';
import { WalkedTable } from './support/walked-table.js';

describe('the table of connections under random histories', () => {
  const SEEDS = 60;

  function run(seed: number, how: { late: boolean; loss: number; slips: number; brief?: boolean }) {
    const options = how.brief === true ? ({ ended: 'vanished' } as const) : {};
    const simulation = new Simulation(options, seed, { brief: how.brief === true });
    const { random } = simulation;
    for (let i = random(4); i > 0; i--) simulation.openRandom(true);
    simulation.refresh();
    const base = simulation.moved();
    for (let step = 0; step < 150; step++) {
      const choice = random(10);
      if (choice < 3) simulation.openRandom(false);
      else if (choice < 6) simulation.moveRandom();
      else if (choice < 8) simulation.closeRandom();
      else {
        if (how.late) simulation.deliverLate();
        else simulation.deliver();
        if (how.loss > 0 && random(100) < how.loss) simulation.drop(1);
        simulation.refresh({ slips: how.slips });
        if (!how.late && how.loss === 0 && how.slips === 0) simulation.assertExact(base);
        simulation.assertUnmixed(how.late || how.loss > 0);
      }
      simulation.pass(random(how.slips > 0 ? SECOND / 10 : SECOND));
    }
    simulation.closeAll();
    simulation.deliver();
    for (let i = 0; i < 3; i++) simulation.refresh();
    simulation.pass(MINUTE);
    simulation.refresh();
    assert.equal(simulation.table.size, 0, 'live at the end');
    assert.equal(simulation.table.remembered, 0, 'remembered at the end');
    simulation.assertEndedOnce();
    return { simulation, base };
  }

  const assertSums = ({ simulation, base }: ReturnType<typeof run>) => {
    const moved = simulation.moved();
    const { totals } = simulation.table;
    assert.deepEqual(
      [totals.bytes_sent, totals.bytes_received],
      [moved.sent - base.sent, moved.received - base.received],
    );
    assert.equal(totals.vanished, 0);
    assert.equal(totals.ended, simulation.opened);
  };

  it('is exactly the live connections at every refresh, if records are in time', () => {
    for (let seed = 1; seed <= SEEDS; seed++) assertSums(run(seed, { late: false, loss: 0, slips: 0 }));
  });

  it('has exact sums and keeps nothing, if records are late and dumps skip sockets', () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      assertSums(run(seed, { late: true, loss: 0, slips: 0 }));
      assertSums(run(seed, { late: false, loss: 0, slips: 10 }));
    }
  });

  it('keeps nothing and counts nothing twice, if records are lost', () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { simulation, base } = run(seed, { late: false, loss: 30, slips: 0 });
      const { totals } = simulation.table;
      assert.ok(totals.bytes_sent <= simulation.moved().sent - base.sent, `seed ${seed}`);
      assert.ok(totals.ended <= simulation.opened, `seed ${seed}`);
    }
  });

  it('keeps nothing, if records are late or lost and dumps skip sockets', () => {
    for (let seed = 1; seed <= SEEDS; seed++) run(seed, { late: true, loss: 30, slips: 10 });
  });

  it('is the same where connections that end before the next refresh are kept away from it', () => {
    let spared = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const how = { late: false, loss: 0, slips: 0, brief: true };
      const result = run(seed, how);
      assertSums(result);
      // A beginning and an end each.
      spared += 2 * result.simulation.opened - result.simulation.delivered;
      assertSums(run(seed, { ...how, late: true }));
      assertSums(run(seed, { ...how, slips: 10 }));
      run(seed, { ...how, loss: 30 });
      run(seed, { ...how, late: true, loss: 30, slips: 10 });
    }
    assert.ok(spared > SEEDS * 10, `${spared} records were spared`);
  });

  it('is the same where sockets that are as they were are passed over', () => {
    let passed = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const slips = seed % 3 === 0 ? 10 : 0;
      const simulation = new Simulation({}, seed);
      const walked = new WalkedTable(simulation);
      const { random } = simulation;
      const refresh = () => simulation.refresh({ findProcess: walked.find, slips });
      for (let step = 0; step < 200; step++) {
        const choice = random(12);
        if (choice < 2) simulation.openRandom(step < 20);
        else if (choice === 2) simulation.moveRandom();
        else if (choice === 3) simulation.closeRandom();
        else if (choice === 4) simulation.passOnRandom();
        else if (choice === 5) walked.looks.look(simulation);
        else if (choice === 6) simulation.deliverLate();
        else if (choice === 7 && seed % 2 === 0) simulation.drop(1);
        else refresh();
        simulation.pass(random(SECOND));
      }
      passed += walked.passed;
    }
    assert.ok(passed > SEEDS * 50, `${passed} sockets were passed over`);
  });
});
