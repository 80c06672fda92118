/**
 * From Node.js 22 on, the first import of `node:util` asks whether `process.stderr` has colors, by which Node.js makes a pipe there
 * non-blocking, also for all others who have it. So it is imported here, while there is no such stream.
 */
const stderr = Object.getOwnPropertyDescriptor(process, 'stderr');
Object.defineProperty(process, 'stderr', { configurable: true, value: { isTTY: false } });
// What asks is behind this one, which Node.js loads when it is first read.
void require('node:util').diff;
Object.defineProperty(process, 'stderr', stderr);
