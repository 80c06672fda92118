/** Solves struct task_struct: numbers and names of threads, and the way to the task of their process. Pure. */
import type { Image } from './image.js';
import type { TaskObservation } from './observations.js';
import { type Findings, offsetsWhere } from './search.js';
import { pointersIn } from './solve-pointers.js';

const POINTER = 8;
const ID = 4;
/**
 * Bytes between the ids and `group_leader`: `real_parent`, `parent`, `children` and `sibling`, before which kernels with a
 * stack protector have `stack_canary` (struct task_struct in include/linux/sched.h, the same since 4.16).
 */
const PARENTS: readonly number[] = [6 * POINTER, 7 * POINTER];

/** A place where all threads have the same pointer. */
interface LeaderCandidate {
  readonly offset: number;
  /** To what it points. */
  readonly task: bigint;
  /** Where that has the same pointer, if it is the task of the process, and its ids. */
  readonly targets: readonly [self: bigint, ids: bigint];
}

export function solveTask(findings: Findings): void {
  const { tasks } = findings.observations;
  const ids = idOffsets(tasks);
  const [first] = ids;
  if (ids.length === 1) {
    findings.add('pid', first!, 'values');
    findings.add('tgid', first! + ID, 'values');
  } else {
    for (const name of ['pid', 'tgid'] as const) {
      if (hasThread(tasks)) findings.contradict(name, ids.length);
      else findings.miss(name, 'no second thread could be looked at');
    }
  }
  solveFlags(findings);
  solveName(findings);
  solveLeader(findings);
}

/** pid and tgid are neighbours; only a thread that is not the first of its process has two numbers in them. */
function idOffsets(tasks: readonly TaskObservation[]): number[] {
  if (!hasThread(tasks)) return [];
  return offsetsWhere(tasks, { size: 2 * ID, align: ID }, ({ image, pid, tgid }, offset) => {
    return image.u32(offset) === pid && image.u32(offset + ID) === tgid;
  });
}

function hasThread(tasks: readonly TaskObservation[]): boolean {
  return tasks.some(({ pid, tgid }) => pid !== tgid);
}

function solveFlags(findings: Findings): void {
  const known = findings.observations.tasks.filter(({ flags }) => flags !== undefined);
  const different = new Set(known.map(({ flags }) => flags)).size;
  if (different < 3) findings.miss('flags', `${different} different values were set, and 3 are needed`);
  else
    findings.decide(
      'flags',
      offsetsWhere(known, { size: 4 }, ({ image, flags }, offset) => image.u32(offset) === flags),
    );
}

function solveName(findings: Findings): void {
  const { tasks } = findings.observations;
  const names = new Set(tasks.map(({ comm }) => Buffer.from(comm).toString('latin1')));
  if (names.size < 2) {
    findings.miss('comm', `${names.size} different names were set, and 2 are needed`);
    return;
  }
  const size = Math.max(...tasks.map(({ comm }) => comm.length));
  const ends = ({ bytes }: Image, offset: number) => bytes[offset] === 0;
  findings.decide(
    'comm',
    offsetsWhere(tasks, { size: size + 1, align: 1 }, ({ image, comm }, offset) => {
      return image.holds(offset, comm) && ends(image, offset + comm.length);
    }),
  );
}

/** The places that may be group_leader; none unless the ids of tasks have been found. */
export function leaderCandidates(tasks: readonly TaskObservation[]): LeaderCandidate[] {
  const [first, ...others] = tasks;
  const ids = idOffsets(tasks);
  if (first === undefined || ids.length !== 1) return [];
  const words = (offset: number, { image }: TaskObservation) =>
    image.has(offset, POINTER) ? image.u64(offset) : 0n;
  // A process's own task points to itself, which is no reason to leave it out.
  const addresses = new Map([...pointersIn(first.image), ...selfPointers(first.image)]);
  return [...addresses]
    .filter(([offset, address]) => others.every((seen) => words(offset, seen) === address))
    .map(([offset, task]) => ({ offset, task, targets: [task + BigInt(offset), task + BigInt(ids[0]!)] }));
}

function selfPointers(image: Image): [offset: number, address: bigint][] {
  const offsets = offsetsWhere(
    [{ image }],
    { size: POINTER },
    (_, offset) => image.u64(offset) === image.address,
  );
  return offsets.map((offset) => [offset, image.address]);
}

/** The task of a process has its process's number twice, and points to itself where its threads point to it. */
function solveLeader(findings: Findings): void {
  const { tasks, taskCopies } = findings.observations;
  const tgid = tasks[0]?.tgid;
  const holds = (address: bigint, fits: (copy: Image) => boolean) => {
    const copy = taskCopies.get(address);
    return copy?.has(0, POINTER) === true && fits(copy);
  };
  const offsets = leaderCandidates(tasks)
    .filter(({ task, targets: [self] }) => holds(self, (copy) => copy.u64(0) === task))
    .filter(({ targets: [, ids] }) => holds(ids, (copy) => copy.u32(0) === tgid && copy.u32(ID) === tgid))
    .map(({ offset }) => offset);
  // Images reach into the tasks that follow in memory, where by chance the same pointer can stand for all threads.
  const behindIds = Math.ceil(((idOffsets(tasks)[0] ?? 0) + 2 * ID) / POINTER) * POINTER;
  const near = offsets.filter((offset) => PARENTS.includes(offset - behindIds));
  if (offsets.length > 1 && near.length === 1)
    findings.add('group_leader', near[0]!, 'structure', offsets.length);
  else if (hasThread(tasks)) findings.decide('group_leader', offsets, 'pointer');
  else findings.miss('group_leader', 'no second thread could be looked at');
}
