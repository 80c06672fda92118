/** Events as server-sent events have them. Pure. */

/**
 * An event. JSON has no line breaks.
 *
 * @param id Absent: the id of the event before it holds.
 */
export function eventText(event: string, data: unknown, id?: string): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n${id === undefined ? '' : `id: ${id}\n`}\n`;
}
