/** Rows of a long list of which only those that are seen are in the page. */
import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  type VirtualItem,
  Virtualizer,
  type VirtualizerOptions,
} from '@tanstack/virtual-core';
import type { RefObject } from 'preact';
import { useEffect, useReducer, useRef } from 'preact/hooks';

/** A list. */
export interface VirtualRowsOptions {
  readonly count: number;
  /** CSS pixels, all the same. */
  readonly rowHeight: number;
  /** What scrolls. */
  readonly box: RefObject<HTMLElement>;
  /** Rows beyond those that are seen, at both ends. Default 12. */
  readonly overscan?: number;
}

/** What is to be shown. */
export interface VirtualRows {
  /** Each with its `index`, and `start`: pixels from the top. */
  readonly items: readonly VirtualItem[];
  /** Height of all rows. A browser has at most 33 million pixels: see `MOST_PIXELS`. */
  readonly totalHeight: number;
  readonly scrollTo: (index: number) => void;
}

/** The greatest height of an element in all browsers, in pixels: more rows than fit need pages. */
export const MOST_PIXELS = 16_000_000;

/** Follows the scrolling of a box. */
export function useVirtualRows({ count, rowHeight, box, overscan = 12 }: VirtualRowsOptions): VirtualRows {
  const [, draw] = useReducer((version: number) => version + 1, 0);
  const virtualizer = useRef<Virtualizer<HTMLElement, HTMLElement> | undefined>(undefined);
  const options: VirtualizerOptions<HTMLElement, HTMLElement> = {
    ...{ count, overscan, observeElementRect, observeElementOffset },
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    scrollToFn: elementScroll,
    onChange: () => draw(undefined),
  };
  virtualizer.current ??= new Virtualizer(options);
  const rows = virtualizer.current;
  rows.setOptions(options);
  useEffect(() => rows._didMount(), [rows]);
  useEffect(() => rows._willUpdate());
  useEffect(() => rows.measure(), [rows, rowHeight]);
  return {
    items: rows.getVirtualItems(),
    totalHeight: rows.getTotalSize(),
    scrollTo: (index) => rows.scrollToIndex(index),
  };
}
