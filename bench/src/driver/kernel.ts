/** Times and memory of BPF programs and processes, as the kernel counts them. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

export interface ProgramTimes {
  readonly runs: number;
  readonly ns: number;
}

interface BpftoolProgram {
  readonly id: number;
  readonly run_time_ns?: number;
  readonly run_cnt?: number;
}

/** Ids of the programs that a process holds, itself or through its links (proc_pid_fdinfo(5)). */
function programsOf(pid: number): ReadonlySet<number> {
  const ids = new Set<number>();
  const folder = `/proc/${pid}/fdinfo`;
  for (const fd of readdirSync(folder)) {
    const id = /^prog_id:\s*(\d+)/m.exec(descriptorInfo(`${folder}/${fd}`))?.[1];
    if (id !== undefined) ids.add(Number(id));
  }
  return ids;
}

/** Empty for a descriptor that was closed since the folder was read. */
function descriptorInfo(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

/** Sums over a process's programs. They grow only while statistics are on. */
export function programTimes(pid: number): ProgramTimes {
  const ids = programsOf(pid);
  const output = execFileSync('bpftool', ['--json', 'prog', 'show'], { encoding: 'utf8' });
  const own = (JSON.parse(output) as BpftoolProgram[]).filter((program) => ids.has(program.id));
  return {
    runs: own.reduce((sum, program) => sum + (program.run_cnt ?? 0), 0),
    ns: own.reduce((sum, program) => sum + (program.run_time_ns ?? 0), 0),
  };
}

/** kernel.bpf_stats_enabled. Keeping the statistics costs time itself, so they are off where time is measured. */
export function setStatistics(on: boolean): void {
  writeFileSync('/proc/sys/kernel/bpf_stats_enabled', on ? '1' : '0');
}

export interface CpuTimes {
  readonly userUs: number;
  readonly systemUs: number;
}

/** CPU time of a process with all its threads, in steps of a clock tick of 10 ms (proc_pid_stat(5)). */
export function cpuTimes(pid: number): CpuTimes {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { userUs: Number(fields[11]) * 10_000, systemUs: Number(fields[12]) * 10_000 };
}

export interface Memory {
  readonly residentBytes: number;
  readonly peakBytes: number;
}

export function memory(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
  return { residentBytes: kilobytes('VmRSS') * 1024, peakBytes: kilobytes('VmHWM') * 1024 };
}
