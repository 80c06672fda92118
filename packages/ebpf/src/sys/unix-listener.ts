/** Servers on Unix sockets: who may connect, and what a killed process left behind. */
import { existsSync, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';

/** Removes the socket of a killed process, which refuses connections; false where a process listens. */
export async function removeStaleSocket(path: string): Promise<boolean> {
  if (!existsSync(path)) return true;
  const isAlive = await new Promise<boolean>((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED'));
  });
  if (!isAlive) unlinkSync(path);
  return !isAlive;
}

/**
 * Listens on a Unix socket that has a mode from its beginning: it never exists with wider permissions.
 *
 * @param mode Such as 0o600. Only those who may write to it can connect.
 * @throws Error of the system
 */
export async function listenOnSocket(server: Server, path: string, mode: number): Promise<void> {
  const umask = process.umask(0o777 & ~mode);
  const listening = new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
  process.umask(umask);
  await listening;
}
