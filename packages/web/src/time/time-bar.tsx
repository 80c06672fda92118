/** The range of time: presets, moves, play. */
import type { VNode } from 'preact';
import { serverAnswers } from '../api/server-state.js';
import { formatRange } from '../format/time-text.js';
import { isLive, pageRange, rangeProblem } from '../state/page-range.js';
import { changePage, currentRange } from '../state/page-state.js';
import { isPlaying, shiftRange, showNow, togglePlay, zoomRange } from './moves.js';
import { presets } from './range-text.js';

/** Shows it. */
export function TimeBar(): VNode {
  const range = pageRange.value;
  const live = isLive.value;
  const problem = rangeProblem.value;
  const playLabel = live ? 'Pause' : isPlaying.value ? 'Stop' : 'Play';
  return (
    <section class="time-bar" aria-label="Time">
      <div class="time-controls">
        <fieldset class="segments" aria-label="Ranges up to now">
          {presets.map(({ range: preset, label }) => (
            <button
              key={preset}
              type="button"
              aria-pressed={currentRange.value === preset}
              onClick={() => changePage({ range: preset })}
            >
              {label}
            </button>
          ))}
        </fieldset>
        <fieldset class="segments" aria-label="Move">
          <button type="button" aria-label="Earlier" title="Earlier  [" onClick={() => shiftRange(-0.5)}>
            ‹
          </button>
          <button type="button" aria-label="Zoom out" title="Zoom out  −" onClick={() => zoomRange(2)}>
            −
          </button>
          <button type="button" aria-label="Zoom in" title="Zoom in  +" onClick={() => zoomRange(0.5)}>
            +
          </button>
          <button type="button" aria-label="Later" title="Later  ]" onClick={() => shiftRange(0.5)}>
            ›
          </button>
          <button type="button" title={`${playLabel}  p`} onClick={togglePlay}>
            {playLabel}
          </button>
          <button type="button" title="Now  n" aria-pressed={live} onClick={showNow}>
            Now
          </button>
        </fieldset>
        <span class={`time-range ${live && serverAnswers.value ? 'is-live' : ''}`}>
          {range === undefined ? '…' : formatRange(range.from, range.to)}
        </span>
      </div>
      {problem !== undefined && (
        <p class="notice is-bad" role="alert">
          {problem.message}
        </p>
      )}
    </section>
  );
}
