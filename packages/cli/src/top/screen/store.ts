/** Holds the frame, the choices of the person at the keyboard, and the lines of the screen that follow from both. */
import type { Paint } from '../../text/colour.js';
import type { Enrichment } from '../model/enrichment.js';
import { type Frame, frozen, type Watch } from '../model/frame.js';
import { type Sheet, sheetOf } from '../table/views.js';
import { type Effect, type Key, press } from './keys.js';
import { pageRows, type ScreenInput, type Size, screenLines } from './screen.js';
import type { State } from './state.js';

export interface StoreOptions {
  readonly state: State;
  readonly frame: Frame;
  readonly size: Size;
  readonly enrichment: Enrichment;
  readonly paint: Paint;
  /** What is known beyond a frame; undefined: nothing. */
  readonly watch: Pick<Watch, 'histories' | 'ending'> | undefined;
  readonly onEffect: (effect: NonNullable<Effect>) => void;
  readonly onInterval: () => void;
}

export class Store {
  readonly #options: StoreOptions;
  readonly #listeners = new Set<() => void>();
  #state: State;
  #frame: Frame;
  #size: Size;
  #sheet: Sheet;
  #lines: readonly string[];

  constructor(options: StoreOptions) {
    this.#options = options;
    this.#state = options.state;
    this.#frame = options.frame;
    this.#size = options.size;
    this.#sheet = this.#newSheet();
    this.#lines = this.#newLines();
  }

  get state(): State {
    return this.#state;
  }

  /** The same array as long as nothing on the screen has changed. */
  readonly lines = (): readonly string[] => this.#lines;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Shows a new frame, unless the screen is paused. In the past, each frame was asked for. */
  setFrame(frame: Frame): void {
    if (this.#state.paused && frame.past === undefined) return;
    this.#frame = frame;
    this.#sheet = this.#newSheet();
    this.#show();
  }

  /** Stops playing. */
  pause(): void {
    this.#state = { ...this.#state, paused: true };
    this.#show();
  }

  setSize(size: Size): void {
    this.#size = size;
    this.#show();
  }

  press(key: Key): void {
    const before = this.#state;
    const { state, effect } = press(before, key, {
      sheet: this.#sheet,
      page: pageRows(this.#input, this.#size),
    });
    this.#state = state;
    if (state.paused && !before.paused) this.#frame = frozen(this.#frame);
    const isSame =
      state.view === before.view && state.filter === before.filter && state.sorts === before.sorts;
    if (!isSame || state.paused !== before.paused) this.#sheet = this.#newSheet();
    if (state !== before) this.#show();
    if (state.intervalMs !== before.intervalMs) this.#options.onInterval();
    if (effect !== undefined) this.#options.onEffect(effect);
  }

  get #input(): ScreenInput {
    const { enrichment, paint, watch } = this.#options;
    const id = this.#state.mode === 'details' ? this.#state.connectionId : undefined;
    return {
      ...{ state: this.#state, frame: this.#frame, sheet: this.#sheet, enrichment, paint },
      history: id === undefined ? undefined : watch?.histories.of(id),
      ending: id === undefined ? undefined : watch?.ending(id),
    };
  }

  #newSheet(): Sheet {
    const { view, filter, sorts } = this.#state;
    return sheetOf(view, this.#frame, { filter, sort: sorts[view] }, this.#options.enrichment);
  }

  #newLines(): string[] {
    return screenLines(this.#input, this.#size);
  }

  #show(): void {
    const lines = this.#newLines();
    const isSame =
      lines.length === this.#lines.length && lines.every((line, index) => line === this.#lines[index]);
    if (isSame) return;
    this.#lines = lines;
    for (const listener of this.#listeners) listener();
  }
}
