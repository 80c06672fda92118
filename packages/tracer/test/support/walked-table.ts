/** A table whose sockets a walk lists, which passes over those that are as they were; beside the one of a simulation. */
import assert from 'node:assert/strict';
import { copyConnection } from '../../src/connections/connection.js';
import { ConnectionTable, type FindProcess } from '../../src/connections/index.js';
import type { ConnectionProcess, ConnectionRecord } from '../../src/records/record.js';
import { type DiagSocket, type SocketSnapshot, WALK_KEY_WORDS } from '../../src/sockets/index.js';
import type { Follower, Simulation } from './simulation.js';

/** The kernel says in milliseconds when payload last moved, each time anew. */
const CLOCK_NS = 2_000_000;

/** What a look at descriptors has shown, as a table asks for it. */
class Looks {
  readonly #pids = new Map<number, number>();
  #version = 0;

  /** Looks at all descriptors. */
  look(simulation: Simulation): void {
    for (const { inode, pid } of simulation.flows) this.#pids.set(inode, pid);
    this.#version++;
  }

  finder(): FindProcess {
    const find = (inode: number, known: ConnectionProcess | undefined) => {
      const pid = this.#pids.get(inode);
      return pid === undefined || known?.pid === pid ? known : { pid, comm: `p${pid}` };
    };
    return Object.defineProperties(find, {
      version: { get: () => this.#version },
      isSame: { value: () => true },
      hasSocket: { value: (inode: number, { pid }: ConnectionProcess) => this.#pids.get(inode) === pid },
    }) as FindProcess;
  }
}

export class WalkedTable implements Follower {
  readonly looks = new Looks();
  readonly find = this.looks.finder();
  /** Sockets that were passed over. */
  passed = 0;
  readonly #simulation: Simulation;
  #nowNs: number;
  readonly #table: ConnectionTable;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    this.#nowNs = simulation.nowNs;
    this.#table = new ConnectionTable({ now: () => this.#nowNs });
    simulation.follower = this;
  }

  record(record: ConnectionRecord, nowNs: number): void {
    this.#nowNs = nowNs;
    this.#table.record(record);
  }

  refresh(sockets: readonly DiagSocket[], snapshot: SocketSnapshot, fromNs: number, toNs: number): void {
    this.#nowNs = fromNs;
    const key = new Uint32Array(WALK_KEY_WORDS);
    this.#table.refresh(
      {
        read: (onSocket, isUnchanged) => {
          for (const socket of sockets) {
            setKey(key, socket);
            if (isUnchanged(key)) this.passed++;
            else onSocket(socket);
          }
          this.#nowNs = toNs;
          return snapshot;
        },
      },
      this.find,
    );
    this.#assertSame();
  }

  #assertSame(): void {
    assert.deepEqual(rows(this.#table), rows(this.#simulation.table));
    const times = activeTimes(this.#simulation.table);
    for (const [index, ns] of activeTimes(this.#table).entries())
      assert.ok(Math.abs(ns - times[index]!) <= CLOCK_NS, `${ns} and ${times[index]}`);
    assert.deepEqual(this.#table.totals, this.#simulation.table.totals);
    const ended = ({ ended }: ReturnType<ConnectionTable['takeEnded']>) =>
      ended.map(({ connection: { id }, ...rest }) => ({ id, ...rest }));
    assert.deepEqual(ended(this.#table.takeEnded()), ended(this.#simulation.table.takeEnded()));
  }
}

const rows = (table: ConnectionTable) =>
  [...table.connections()].map((connection) => {
    const { active_ns: _, ...row } = copyConnection(connection);
    return row;
  });

const activeTimes = (table: ConnectionTable) => [...table.connections()].map(({ active_ns }) => active_ns);

/** The words that a walk shows, in its order: what stays the same is left out. */
function setKey(
  key: Uint32Array,
  { cookie, inode, info, sendQueue, interfaceIndex, state }: DiagSocket,
): void {
  const wide = (value: number) => [value >>> 0, Math.floor(value / 2 ** 32)];
  key.set([...wide(cookie), inode, ...wide(info.bytesAcked), ...wide(info.bytesReceived)]);
  key.set([info.srttUs, sendQueue, interfaceIndex, state], WALK_KEY_WORDS - 4);
}
