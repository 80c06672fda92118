/** The edge of a column, by which it is made wider. By keyboard, the header's cell does that. */
import type { VNode } from 'preact';
import { useRef } from 'preact/hooks';

/** What a handle has. */
export interface ResizeHandleProps {
  /** CSS pixels, as of now. */
  readonly width: number;
  readonly onResize: (width: number) => void;
}

/** Shows it. */
export function ResizeHandle({ width, onResize }: ResizeHandleProps): VNode {
  const start = useRef<{ readonly x: number; readonly width: number } | undefined>(undefined);
  return (
    <span
      class="grid-resize"
      aria-hidden="true"
      onPointerDown={(event) => {
        event.preventDefault();
        event.stopPropagation();
        event.currentTarget.setPointerCapture(event.pointerId);
        start.current = { x: event.clientX, width };
      }}
      onPointerMove={({ clientX }) => {
        const from = start.current;
        if (from !== undefined) onResize(from.width + clientX - from.x);
      }}
      onPointerUp={() => {
        start.current = undefined;
      }}
      onPointerCancel={() => {
        start.current = undefined;
      }}
    />
  );
}
