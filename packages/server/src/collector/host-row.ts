/** The row of this host and boot. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname, release } from 'node:os';
import { nameValue } from '@weir/history/rows';
import type { HostRow } from '@weir/history/schema';

/** This host, as of now. @throws Error of the system where /proc is not mounted. */
export function readHostRow(root = '/'): HostRow {
  const bootId = readFileSync(`${root}proc/sys/kernel/random/boot_id`, 'utf8').trim();
  const machineId = readMachineId(root);
  return {
    host_id: hostId(machineId ?? hostname(), bootId),
    time: BigInt(Date.now()) * 1_000_000n,
    name: nameValue(hostname()),
    ...(machineId !== undefined && { machine_id: machineId }),
    boot_id: bootId,
    kernel: release(),
  };
}

/** 64 bits that no other host or boot has. */
export function hostId(machine: string, bootId: string): bigint {
  return createHash('sha256').update(`${machine}\0${bootId}`).digest().readBigUInt64LE(0);
}

function readMachineId(root: string): string | undefined {
  try {
    const id = readFileSync(`${root}etc/machine-id`, 'utf8').trim();
    return /^[0-9a-f]{32}$/.test(id) ? id : undefined;
  } catch {
    return undefined;
  }
}
