/** Places the nodes of the map, apart from the page's thread: that takes up to 0.3 s. */
import { type LayoutInput, layoutGraph, type Places } from './layout-graph.js';

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
