/** The forms in which `weir trace` prints. */
export const traceFormats = ['text', 'json', 'tcptracer'] as const;
export type TraceFormat = (typeof traceFormats)[number];
