/** The columns of `weir trace`'s text and how they share a terminal's width. */

/** Widths in columns. Endpoint columns grow in steps, as longer addresses turn up, to at most `endpointMax`. */
export interface Layout {
  /** Whether the ends of a connection stand below its process: a terminal would break a line with both, perhaps in an address. */
  readonly isNarrow: boolean;
  readonly time: number;
  readonly event: number;
  readonly pid: number;
  readonly comm: number;
  readonly endpointMax: number;
  /** The column at which LOCAL, or what is below the process, starts, and the rest of a long record, on the next line. */
  readonly indent: number;
  /** Columns of the terminal; Infinity where lines are never broken or cut. */
  readonly total: number;
}

/** HH:MM:SS.mmm, and the same without milliseconds for narrow terminals. */
const timeWidth = { full: 12, short: 8 };
const eventWidth = 'connect'.length;
/** Digits of PID_MAX_LIMIT, 2^22. */
const pidWidth = 7;
const commWidth = { least: 8, most: 15 };
/** `255.255.255.255:65535`, most IPv6 addresses, and the longest of them with brackets and port. */
const endpointSteps = [21, 32, 47] as const;
export const arrowWidth = 3;

/** Columns before what is below the process. */
const narrowIndent = 2;

/** The narrowest terminal that has room for milliseconds. */
const roomForMilliseconds = 83;

export function layoutFor(total: number): Layout {
  const time = total >= roomForMilliseconds ? timeWidth.full : timeWidth.short;
  const spaces = 4;
  const shortEndpoints = 2 * endpointSteps[0] + arrowWidth;
  const left = total - (time + eventWidth + pidWidth + spaces + shortEndpoints);
  if (left < commWidth.least) return narrowLayout(total);
  const comm = Math.min(left, commWidth.most);
  const indent = time + eventWidth + pidWidth + comm + spaces;
  const half = Math.floor((total - indent - arrowWidth) / 2);
  const endpointMax = Math.min(Math.max(half, endpointSteps[0]), endpointSteps[2]);
  return { isNarrow: false, time, event: eventWidth, pid: pidWidth, comm, endpointMax, indent, total };
}

/** For ends below the process: beside each other if both are short enough, else one below the other. */
function narrowLayout(total: number): Layout {
  const time = timeWidth.short;
  const head = time + eventWidth + pidWidth + 3;
  const comm = Math.min(Math.max(total - head, 1), commWidth.most);
  const indent = narrowIndent;
  const half = Math.floor((total - indent - arrowWidth) / 2);
  const endpointMax = Math.min(half, endpointSteps[2]);
  return { isNarrow: true, time, event: eventWidth, pid: pidWidth, comm, endpointMax, indent, total };
}

/** The endpoint column's width once it has to hold `needed` columns. */
export function grow(current: number, needed: number, layout: Layout): number {
  const step = endpointSteps.find((width) => width >= needed) ?? endpointSteps[2];
  return Math.min(Math.max(current, step), layout.endpointMax);
}
