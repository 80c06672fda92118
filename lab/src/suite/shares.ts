/** Which version of Node.js runs which files on this machine. */

import { newestOther, nodeExecutable, nodeVersion, otherMajors } from '../npm/node-versions.js';
import type { TestFiles } from './plan.js';

/** Files that one version of Node.js runs. */
export interface Share extends Pick<TestFiles, 'unit' | 'root' | 'host'> {
  /** Behind the names of its suites. */
  readonly suffix: string;
  /** The executable; undefined: that which runs this. */
  readonly node: string | undefined;
}

export interface ShareChoice {
  /** Majors that were asked for. */
  readonly nodes: readonly string[] | undefined;
  readonly matrix: boolean;
  /** Whether nothing was left out by a choice of what to run. */
  readonly all: boolean;
}

/**
 * What other versions of Node.js run: all files of this machine where they are asked for, or in the matrix; else the newest one runs
 * those of the package that meets Node.js most closely.
 */
export async function otherShares(files: TestFiles, { nodes, matrix, all }: ShareChoice): Promise<Share[]> {
  const majors = nodes ?? (matrix ? otherMajors : all ? [newestOther] : []);
  const isClose = (file: string) => file.startsWith('packages/ebpf/');
  const { unit, root, host } =
    nodes !== undefined || matrix
      ? files
      : { unit: files.unit.filter(isClose), root: files.root.filter(isClose), host: [] };
  return await Promise.all(
    majors.map(async (major) => {
      const node = await nodeExecutable(major);
      return { suffix: ` ${nodeVersion(node)}`, node, unit, root, host };
    }),
  );
}
