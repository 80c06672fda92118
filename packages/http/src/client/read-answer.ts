/** Answers of a bounded size. */
import type { IncomingMessage } from 'node:http';

/** The JSON of an answer. @throws Error for a longer one; SyntaxError; Error of the network */
export async function readJson(response: IncomingMessage, mostBytes: number): Promise<unknown> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > mostBytes) {
      response.destroy();
      throw new Error(`the answer is longer than ${mostBytes} bytes`);
    }
    pieces.push(piece);
  }
  return JSON.parse(Buffer.concat(pieces).toString('utf8'));
}

/** The lines of an answer that goes on, each of them JSON. @throws as {@link readJson} does */
export async function* readLines(response: IncomingMessage, mostBytes: number): AsyncGenerator<unknown> {
  response.setEncoding('utf8');
  let rest = '';
  for await (const piece of response as AsyncIterable<string>) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop()!;
    if (rest.length > mostBytes) {
      response.destroy();
      throw new Error(`a line of the answer is longer than ${mostBytes} bytes`);
    }
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line);
  }
}
