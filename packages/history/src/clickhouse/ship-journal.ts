/** Which segments were shipped: a file to which a line is added at each step, so that the next process goes on. */
import {
  closeSync,
  fdatasyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';

/** A segment that is to be shipped. */
export interface WaitingSegment {
  readonly table: string;
  readonly rows: number;
  /** Times of its rows, nanoseconds since 1970. */
  readonly from: bigint;
  readonly to: bigint;
}

/** Rows that were removed before they were shipped. */
export interface LostRows extends WaitingSegment {
  /** The name of their segment. */
  readonly name: string;
}

type Line =
  | { readonly target: string }
  | {
      readonly found: string;
      readonly table: string;
      readonly rows: number;
      readonly from: string;
      readonly to: string;
    }
  | { readonly trying: string; readonly since: number }
  | { readonly shipped: string }
  | { readonly lost: string }
  | { readonly reported: string };

/** What is known of segments by their names. */
export class ShipJournal implements Disposable {
  readonly #path: string;
  readonly #target: string;
  readonly #waiting = new Map<string, WaitingSegment>();
  readonly #trying = new Map<string, number>();
  readonly #shipped = new Set<string>();
  readonly #lost = new Map<string, LostRows>();
  #file: number | undefined;

  /** @param target Where to: what was shipped elsewhere does not count. */
  constructor(path: string, target: string) {
    this.#path = path;
    this.#target = target;
    this.#load();
  }

  #load(): void {
    const [first, ...lines] = this.#read();
    if (first === undefined || !('target' in first) || first.target !== this.#target) return;
    for (const line of lines) this.#apply(line);
  }

  #read(): Line[] {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
    // The last line may have ended half-way.
    return text.split('\n').flatMap((line) => {
      try {
        return [JSON.parse(line) as Line];
      } catch {
        return [];
      }
    });
  }

  #apply(line: Line): void {
    if ('found' in line) {
      const { found, table, rows, from, to } = line;
      this.#waiting.set(found, { table, rows, from: BigInt(from), to: BigInt(to) });
    } else if ('trying' in line) this.#trying.set(line.trying, line.since);
    else if ('shipped' in line) {
      this.#waiting.delete(line.shipped);
      this.#trying.delete(line.shipped);
      this.#shipped.add(line.shipped);
    } else if ('lost' in line) {
      const segment = this.#waiting.get(line.lost);
      if (segment !== undefined) this.#lost.set(line.lost, { ...segment, name: line.lost });
      this.#waiting.delete(line.lost);
      this.#trying.delete(line.lost);
    } else if ('reported' in line) this.#lost.delete(line.reported);
  }

  /** Segments that wait, by name. */
  get waiting(): ReadonlyMap<string, WaitingSegment> {
    return this.#waiting;
  }

  /** Rows that ClickHouse has not been informed of yet. */
  get lost(): readonly LostRows[] {
    return [...this.#lost.values()];
  }

  isShipped(name: string): boolean {
    return this.#shipped.has(name);
  }

  /** When an insert of it has begun first, of which it is not known how it ended: milliseconds since 1970. */
  triedSince(name: string): number | undefined {
    return this.#trying.get(name);
  }

  /**
   * The history has these segments now. What waited and is gone is lost.
   *
   * @returns the lost ones.
   */
  see(present: ReadonlyMap<string, WaitingSegment>): string[] {
    for (const [name, segment] of present)
      if (!this.#waiting.has(name) && !this.#shipped.has(name))
        this.#add({
          found: name,
          table: segment.table,
          rows: segment.rows,
          from: String(segment.from),
          to: String(segment.to),
        });
    const gone = [...this.#waiting.keys()].filter((name) => !present.has(name));
    for (const name of gone) this.#add({ lost: name });
    for (const name of this.#shipped) if (!present.has(name)) this.#shipped.delete(name);
    return gone;
  }

  /** An insert begins: what it did is not known until it is shipped. */
  try(name: string, nowMs = Date.now()): void {
    if (!this.#trying.has(name)) this.#add({ trying: name, since: nowMs });
  }

  /** All its rows are there. */
  ship(name: string): void {
    this.#add({ shipped: name });
  }

  /** ClickHouse has the loss. */
  report(name: string): void {
    this.#add({ reported: name });
  }

  #add(line: Line): void {
    this.#file ??= this.#begin();
    this.#apply(line);
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
    // Else a power failure would have it shipped again without a look at what is there.
    fdatasyncSync(this.#file);
  }

  /** Begins a file with what still counts. */
  #begin(): number {
    const waiting = [...this.#waiting, ...this.#lost];
    const lines: Line[] = [
      { target: this.#target },
      ...waiting.map(([found, { table, rows, from, to }]) => ({
        found,
        table,
        rows,
        from: String(from),
        to: String(to),
      })),
      ...[...this.#trying].map(([trying, since]) => ({ trying, since })),
      ...[...this.#lost.keys()].map((lost) => ({ lost })),
      ...[...this.#shipped].map((shipped) => ({ shipped })),
    ];
    const next = `${this.#path}.new`;
    writeFileSync(next, lines.map((line) => `${JSON.stringify(line)}\n`).join(''), {
      mode: 0o600,
      flush: true,
    });
    renameSync(next, this.#path);
    return openSync(this.#path, 'a', 0o600);
  }

  [Symbol.dispose](): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}
