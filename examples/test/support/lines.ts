/** What a tool prints, while something happens that it is there for. */
import assert from 'node:assert/strict';

/** Only a failure waits so long. */
const LIMIT_MS = 120_000;

/**
 * Runs a tool until it prints a line that matches, and ends it.
 *
 * @param act Makes the event. It is called once the tool has printed its first line, by which it is attached, and again before each other line. If
 * it returns numbers, one of them must be what the line has for the first group of `wanted`.
 */
export async function findLine(
  tool: AsyncGenerator<string>,
  wanted: RegExp,
  act: () => unknown,
): Promise<RegExpExecArray> {
  const seen: string[] = [];
  const made: number[] = [];
  // A tool that waits for its next record cannot be stopped: the file would not come to its end.
  const limit = setTimeout(() => {
    console.error(`waited for a line like ${wanted}; there were:\n${seen.join('\n')}`);
    process.exit(1);
  }, LIMIT_MS);
  try {
    for await (const line of tool) {
      seen.push(line);
      const match = wanted.exec(line);
      if (match !== null) {
        if (made.length > 0) assert.ok(made.includes(Number(match[1])), `${line}: expected one of ${made}`);
        return match;
      }
      const number = await act();
      if (typeof number === 'number') made.push(number);
    }
    return assert.fail(`the tool ended after:\n${seen.join('\n')}`);
  } finally {
    clearTimeout(limit);
  }
}
