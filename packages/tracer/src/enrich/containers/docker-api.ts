/** Asks Docker about a container, over its socket. The only request is a GET. */

const MAX_ANSWER = 1 << 20;

/**
 * @param id Hexadecimal digits.
 * @param signal Ends the request.
 * @returns the answer's body; undefined if there is none, whatever the reason.
 */
export async function inspectContainer(
  socketPath: string,
  id: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  // Few hosts need the module, which takes longer to load than all else that asks for names.
  const { request } = await import('node:http');
  return new Promise((resolve) => {
    const path = `/containers/${id}/json`;
    const headers = { host: 'docker', connection: 'close' };
    const asked = request({ socketPath, path, headers, agent: false, signal }, (answer) => {
      const chunks: Buffer[] = [];
      let length = 0;
      answer.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > MAX_ANSWER) answer.destroy();
        else chunks.push(chunk);
      });
      answer.on('end', () =>
        resolve(answer.statusCode === 200 ? Buffer.concat(chunks).toString('utf8') : undefined),
      );
      answer.on('close', () => resolve(undefined));
      answer.on('error', () => resolve(undefined));
    });
    // An answer that is missing keeps no process running.
    asked.on('socket', (socket) => socket.unref());
    asked.on('error', () => resolve(undefined));
    asked.on('close', () => resolve(undefined));
    asked.end();
  });
}
