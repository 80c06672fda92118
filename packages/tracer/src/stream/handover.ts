/** What another process needs to go on with a tracer whose process was killed. */
import { type DescribedDescriptors, describeObjects } from '../hooks/held-programs.js';
import type { Start } from '../hooks/prepare-start.js';
import type { TracerPrograms } from '../hooks/programs.js';
import type { TracerStats } from '../options.js';
import type { EventStream } from './event-stream.js';
import type { HeldRing, RingPosition } from './held-ring.js';
import { type LossCounts, noLosses } from './losses.js';

/** Which records of a resumable tracer its reader has been given: another process goes on behind them. Plain data, for JSON. */
export interface TracerPosition extends RingPosition {
  /** Losses that were reported. */
  readonly lost: TracerStats['lost'];
  /** Ends that were found in the table of connections, which no longer has them. */
  readonly missedEnds: number;
}

/** The parts of a tracer that others can go on with. */
export interface HandoverParts {
  readonly ring: HeldRing;
  readonly hooks: Pick<Start, 'plan' | 'choices'>;
  readonly programs: TracerPrograms;
  readonly stream: EventStream;
  /** Losses that an earlier tracer has reported. */
  readonly hadLost: LossCounts;
}

export class Handover {
  readonly #parts: HandoverParts;

  constructor(parts: HandoverParts) {
    this.#parts = parts;
  }

  /** Programs, maps and attachments. */
  held(): DescribedDescriptors {
    const { hooks, programs } = this.#parts;
    const { collection, links } = programs;
    return describeObjects({ ...hooks, maps: collection.maps, programs: collection.programs, links });
  }

  /** Which records the reader has been given so far. */
  position(): TracerPosition {
    const { ring, stream, hadLost, programs } = this.#parts;
    const places = Object.keys(noLosses) as (keyof LossCounts)[];
    const lost = Object.fromEntries(
      places.map((place) => [place, hadLost[place] + stream.deliveredLosses[place]]),
    );
    return {
      ...ring.position(stream.isHanded),
      lost: lost as unknown as LossCounts,
      missedEnds: programs.closedFlows?.missed ?? 0,
    };
  }

  /** Gives the room of records up to there back to the ring. */
  commit(position: TracerPosition): void {
    this.#parts.ring.commit(position);
  }

  /** The part of the ring, 0 to 1, that programs cannot use. */
  get ringUsed(): number {
    return this.#parts.ring.used;
  }
}
