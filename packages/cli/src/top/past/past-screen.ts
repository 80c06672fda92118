/** The screen of a time in the past, from its first moment to `q`. */
import { Pacer } from '../pacer.js';
import type { Effect, Step } from '../screen/keys.js';
import { initialState } from '../screen/state.js';
import { Store } from '../screen/store.js';
import type { Terminal } from '../ui/terminal.js';
import { terminalSize, Ui } from '../ui/ui.js';
import type { PastScene } from './past-scene.js';
import { Traveller } from './traveller.js';

const MINUTE_MS = 60_000;
/** It plays a step a second, or shorter steps as fast as time goes. */
const PLAY_MS = 1_000;
/** Nothing is waited for but keys. */
const IDLE_MS = 3_600_000;

/** @throws the errors of the history; the terminal is as it was then. */
export async function showPast(
  { request, timeline, records, first, frameOf, ending }: PastScene,
  terminal: Terminal,
): Promise<void> {
  const { view, sort, filterText, intervalMs, paint } = request;
  const pacer = new Pacer();
  const end = () => {
    ending.abort();
    pacer.wake();
  };
  ending.signal.addEventListener('abort', () => pacer.wake());
  const failures: unknown[] = [];
  const store = new Store({
    ...{ enrichment: records, paint, watch: undefined },
    state: initialState({ view, sort, filterText, intervalMs, isPast: true }),
    frame: frameOf(first),
    size: terminalSize(terminal.stdout),
    onEffect: (effect) => act(effect),
    onInterval: () => pacer.wake(),
  });
  const traveller = new Traveller(timeline, first, {
    show: (moment) => store.setFrame(frameOf(moment)),
    fail: (error) => {
      failures.push(error);
      end();
    },
  });
  const act = (effect: NonNullable<Effect>) => {
    if (effect === 'quit') end();
    else if (effect === 'suspend') ui.suspend();
    else if (effect === 'play') pacer.wake();
    else traveller.step(stepMs(effect, store.state.intervalMs));
  };
  const { stdin } = terminal;
  // A terminal that is gone refuses to leave raw mode, too.
  stdin.once('end', end).on('error', end);
  using _stdin = { [Symbol.dispose]: () => void stdin.destroy() };
  using ui = new Ui(store, terminal);
  while (!ending.signal.aborted) {
    const { paused, intervalMs: step } = store.state;
    await pacer.wait(paused ? IDLE_MS : Math.min(step, PLAY_MS));
    if (paused || store.state.paused) continue;
    if (traveller.isAtEnd) store.pause();
    else traveller.play(store.state.intervalMs);
  }
  if (failures.length > 0) throw failures[0];
}

function stepMs(step: Step, ms: number): number {
  switch (step) {
    case 'back':
      return -ms;
    case 'on':
      return ms;
    case 'minute-back':
      return -MINUTE_MS;
    case 'minute-on':
      return MINUTE_MS;
  }
}
