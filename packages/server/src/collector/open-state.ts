/** What a collector knows of open connections, as it is kept for the next one should this one be killed. Pure. */
import type { AcceptRecord, BegunConnection, ConnectRecord } from '@weir/tracer';
import {
  type ConnectionEnds,
  identityOf,
  type KnownConnection,
  type OpenConnection,
} from './open-connection.js';

/** The last sweep. */
export interface SweepState {
  /** When it began to read: CLOCK_MONOTONIC, nanoseconds. 0: there was none. */
  readonly sweptNs: number;
  /** When it had read all. */
  readonly endedNs: number;
  /** It has found all that were open. */
  readonly hasFoundAll: boolean;
}

/** All that is known at a moment. */
export interface OpenState extends SweepState {
  readonly connections: Iterable<KnownConnection>;
}

/** The same, as it is read from where it was kept. */
export interface KeptState extends OpenState {
  readonly connections: readonly KnownConnection[];
}

/** Names a connection: by its ends where no record has given it a flow id. */
export type ConnectionName = string | ConnectionEnds;

/** What has changed since a moment. */
export interface OpenStateChanges extends SweepState {
  /** Connections that have ended, or go by another name now. */
  readonly gone: readonly ConnectionName[];
  /** After that: the number of those that are new, or of which more is known. */
  readonly count: number;
  /** They themselves. Without identity: it is as it was. Idle ones, whose figures are all counted up to the last sweep, are not among them. */
  readonly connections: Iterable<KnownConnection>;
}

/** What another tracer is to know of connections. */
export function* begunOf({ connections }: OpenState): Generator<BegunConnection> {
  for (const { flowId, identity } of connections) {
    const { started_ns } = identity ?? {};
    if (flowId !== undefined && identity !== undefined && started_ns !== undefined)
      yield { ...identity, started_ns, flow_id: flowId };
  }
}

/** Collects changes. Connections that begin and end meanwhile leave nothing. */
export class OpenChanges {
  /** What is to be kept as a whole, with the record of its beginning where that has come. */
  readonly #whole = new Map<OpenConnection, ConnectRecord | AcceptRecord | undefined>();
  /** Among them, those that are kept under the same name already. */
  readonly #named = new Set<OpenConnection>();
  readonly #counted = new Set<OpenConnection>();
  #gone: ConnectionName[] = [];

  /** A connection is new, or has another name. @param isNamed It had that name before. */
  begun(open: OpenConnection, record?: ConnectRecord | AcceptRecord, isNamed = false): void {
    if (isNamed && !this.#whole.has(open)) this.#named.add(open);
    this.#whole.set(open, record);
    this.#counted.delete(open);
  }

  /** More of its figures are in rows. */
  counted(open: OpenConnection): void {
    if (!this.#whole.has(open)) this.#counted.add(open);
  }

  /** It has ended, or is to have another name. @param name By which it was known. */
  gone(open: OpenConnection, name: ConnectionName): void {
    this.#counted.delete(open);
    const isNew = this.#whole.delete(open) && !this.#named.delete(open);
    if (!isNew) this.#gone.push(name);
  }

  /** What is to be kept of a connection: until a sweep finds it, its ends are in its record only. */
  known(open: OpenConnection): KnownConnection {
    const record = open.identity === undefined ? this.#whole.get(open) : undefined;
    return record === undefined ? open : { ...open, identity: identityOf(record) };
  }

  get all(): Omit<OpenStateChanges, keyof SweepState> {
    const count = this.#whole.size + this.#counted.size;
    return { gone: this.#gone, count, connections: this.#connections() };
  }

  *#connections(): Generator<KnownConnection> {
    for (const open of this.#whole.keys()) yield this.known(open);
    for (const open of this.#counted) yield open.flowId === undefined ? open : withoutIdentity(open);
  }

  clear(): void {
    this.#whole.clear();
    this.#named.clear();
    this.#counted.clear();
    this.#gone = [];
  }
}

function withoutIdentity(open: OpenConnection): KnownConnection {
  const {
    flowId,
    connectionId,
    handshakeUs,
    accounted,
    candidates,
    counted,
    rows,
    isOlder,
    untilNs,
    foundNs,
  } = open;
  return {
    flowId,
    identity: undefined,
    connectionId,
    handshakeUs,
    accounted,
    candidates,
    counted,
    rows,
    isOlder,
    untilNs,
    foundNs,
  };
}
