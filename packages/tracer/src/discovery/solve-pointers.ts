/** Solves the pointers of a socket: to its namespace, its struct socket, its file. Pure. */

import type { Image } from './image.js';
import type { PointerObservation } from './observations.js';
import type { Findings } from './search.js';

const POINTER = 8;
/** A sock has at least so many bytes; behind them in its image may be other objects. */
const OWN = 2048;
const ERROR_POINTERS = 0xffff_ffff_ffff_f000n;
const LOWEST_WITH_4_LEVELS = 0xffff_8000_0000_0000n;
const LOWEST_WITH_5_LEVELS = 0xff00_0000_0000_0000n;

/** Whether a word may be the address of an object: in the kernel's half, aligned, and no error number. */
export function isPointer(word: bigint, known: bigint): boolean {
  const lowest = known >= LOWEST_WITH_4_LEVELS ? LOWEST_WITH_4_LEVELS : LOWEST_WITH_5_LEVELS;
  return word >= lowest && word < ERROR_POINTERS && word % 8n === 0n;
}

/** The pointers in an image, by offset, without those into the object itself. @param end Where the search ends. */
export function pointersIn(
  image: Image,
  known = image.address,
  end = image.bytes.length,
): Map<number, bigint> {
  const found = new Map<number, bigint>();
  for (let offset = 0; offset + POINTER <= end; offset += POINTER) {
    if (!image.has(offset, POINTER)) continue;
    const word = image.u64(offset);
    const inside = word >= image.address && word < image.address + BigInt(Math.min(image.bytes.length, OWN));
    if (!inside && isPointer(word, known)) found.set(offset, word);
  }
  return found;
}

/** Offsets in an object, one after the other: a pointer's, then one in what it points to, and so on. */
type Path = readonly number[];

/** The paths that exist in every observation. */
function inAll(
  observations: readonly PointerObservation[],
  paths: (seen: PointerObservation) => Path[],
): Path[] {
  const [first, ...others] = observations;
  if (first === undefined) return [];
  const elsewhere = others.map((seen) => new Set(paths(seen).map(String)));
  return paths(first).filter((path) => elsewhere.every((set) => set.has(String(path))));
}

function offsetsOf(image: Image, size: number, fits: (offset: number) => boolean): number[] {
  const offsets: number[] = [];
  for (let offset = 0; offset + size <= image.bytes.length; offset += size) {
    if (image.has(offset, size) && fits(offset)) offsets.push(offset);
  }
  return offsets;
}

export function solvePointers(findings: Findings): void {
  const { pointers } = findings.observations;
  // A neighbour in memory is likely to be a socket as well, whose pointers are like its own.
  const end = findings.offset('inet_sport') ?? OWN;
  solveNamespace(findings, pointers, end);
  solveSocket(findings, pointers, end);
}

/** The namespace's number follows when the same is done in another namespace. */
function solveNamespace(findings: Findings, pointers: readonly PointerObservation[], end: number): void {
  const known = pointers.filter(({ netns }) => netns !== undefined);
  const paths = inAll(known, ({ image, copies, netns }) =>
    [...pointersIn(image, image.address, end)].flatMap(([offset, address]) => {
      const target = copies.get(address);
      if (target === undefined) return [];
      return offsetsOf(target, 4, (inum) => target.u32(inum) === netns).map((inum) => [offset, inum]);
    }),
  );
  if (paths.length === 1) {
    const [net, inum] = paths[0]!;
    findings.add('skc_net', net!, 'pointer');
    findings.add('inum', inum!, 'pointer');
    return;
  }
  for (const name of ['skc_net', 'inum'] as const) {
    if (known.length === 0) findings.miss(name, 'no namespace could be looked at');
    else findings.contradict(name, paths.length);
  }
}

/** A struct socket points back to its sock, and its file back to it. */
function solveSocket(findings: Findings, pointers: readonly PointerObservation[], end: number): void {
  const paths = inAll(pointers, (seen) =>
    [...pointersIn(seen.image, seen.image.address, end)].flatMap(([offset, address]) =>
      socketPaths(seen, offset, address),
    ),
  );
  const names = ['sk_socket', 'sk', 'file', 'private_data'] as const;
  for (const [index, name] of names.entries()) {
    if (paths.length === 1) findings.add(name, paths[0]![index]!, 'pointer');
    else findings.contradict(name, paths.length);
  }
}

function socketPaths({ image, copies }: PointerObservation, offset: number, address: bigint): Path[] {
  const socket = copies.get(address);
  if (socket === undefined) return [];
  const backs = offsetsOf(socket, POINTER, (at) => socket.u64(at) === image.address);
  return backs.flatMap((sk) =>
    [...pointersIn(socket, image.address)].flatMap(([file, fileAddress]) => {
      const target = copies.get(fileAddress);
      // The sock points back, too.
      if (target === undefined || fileAddress === image.address) return [];
      const data = offsetsOf(target, POINTER, (at) => target.u64(at) === address);
      return data.map((privateData) => [offset, sk, file, privateData]);
    }),
  );
}
