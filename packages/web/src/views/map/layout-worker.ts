/** Places the nodes of the map, apart from the page's thread: that takes up to 0.3 s. */
import { layoutGraph } from './layout-graph.js';
import type { LayoutInput, Places } from './map-geometry.js';

/** A request for a layout. */
export interface LayoutRequest {
  readonly number: number;
  readonly input: LayoutInput;
}

/** A layout. */
export interface LayoutReply {
  readonly number: number;
  readonly places: Places;
}

self.onmessage = ({ data: { number, input } }: MessageEvent<LayoutRequest>) => {
  const reply: LayoutReply = { number, places: layoutGraph(input) };
  self.postMessage(reply);
};
