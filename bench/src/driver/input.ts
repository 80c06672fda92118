/**
 * The standard input of a tool: a pipe into which nothing is written, and which stays open as long as the tool runs. Some tools,
 * such as iftop, look for keys there; at the end of a file, they would look again and again with all of a CPU.
 */
export const openInput = 'pipe';
