/** The page's side of the worker that lays the map out. */

import type { LayoutReply, LayoutRequest } from './layout-worker.js';
import type { LayoutInput, Places } from './map-geometry.js';

declare const LAYOUT_WORKER: string;

let worker: Worker | undefined;
let last = 0;

/** Lays a graph out. Where the signal is aborted, the promise stays as it is. */
export function layOut(input: LayoutInput, signal: AbortSignal): Promise<Places> {
  worker ??= new Worker(LAYOUT_WORKER, { type: 'module' });
  const number = ++last;
  const used = worker;
  return new Promise((resolve, reject) => {
    const onMessage = ({ data }: MessageEvent<LayoutReply>) => {
      if (data.number !== number) return;
      stop();
      resolve(data.places);
    };
    const onError = () => {
      stop();
      reject(new Error('the map could not be laid out'));
    };
    const stop = () => {
      used.removeEventListener('message', onMessage);
      used.removeEventListener('error', onError);
    };
    used.addEventListener('message', onMessage);
    used.addEventListener('error', onError);
    signal.addEventListener('abort', stop);
    const request: LayoutRequest = { number, input };
    used.postMessage(request);
  });
}
