/** Copies the objects to which a socket's pointers lead. */
import type { Experiment, ProbeSocket } from './experiment.js';
import type { Image } from './image.js';
import { MAX_TARGETS } from './snapshot.js';
import { pointersIn } from './solve-pointers.js';

/** The interesting pointers are in struct sock, the first kilobyte or so of a socket. */
const SOCK_END = 2048;
/** A struct socket's pointer to its file is among its first words. */
const SOCKET_END = 128;

/** @param netns The inode of the namespace in which the socket was made. */
export function followPointers(
  experiment: Experiment,
  { socket, sk }: ProbeSocket,
  netns: number | undefined,
): void {
  const first = experiment.listenOnce(socket, sk);
  if (first === undefined) throw new Error('listen() was not seen by the program');
  const { image } = first;
  const copies = new Map<bigint, Image>();
  const copy = (addresses: Iterable<bigint>) => {
    const wanted = [...new Set(addresses)].filter((address) => !copies.has(address));
    for (let start = 0; start < wanted.length; start += MAX_TARGETS) {
      const batch = wanted.slice(start, start + MAX_TARGETS);
      const seen = experiment.listenOnce(socket, sk, { targets: batch });
      for (const [address, content] of seen?.copies ?? []) copies.set(address, content);
    }
  };
  copy(pointersIn(image, sk, SOCK_END).values());
  // An object that points back to the sock may be its struct socket, which leads to its file.
  const sockets = [...copies.values()].filter((content) =>
    [...pointersIn(content, sk).values()].includes(sk),
  );
  copy(sockets.flatMap((content) => [...pointersIn(content, sk, SOCKET_END).values()]));
  experiment.pointers.push({ image, copies, ...(netns === undefined ? {} : { netns }) });
}
