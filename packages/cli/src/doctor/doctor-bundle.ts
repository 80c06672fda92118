/** `weir doctor --bundle`: what a report of a bug needs, in one .tar.gz. */
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import tar from 'tar-stream';
import { UsageError } from '../failure.js';
import { hostState, kernelOptions, versions } from './host-state.js';
import { type PrivateNames, redact, redactValue } from './redaction.js';

const README = `What is in this file
  README.txt      this text
  doctor.txt      the report of weir doctor, as text
  doctor.json     the same for programs, with the verifier's log where a program was refused
  versions.json   versions of Weir, Node.js, the kernel, the distribution and the C library
  kernel.config   options of the kernel that matter to Weir
  host.json       capabilities, sysctls, security modules, CPUs, memory, mounts, interfaces with their
                  drivers and XDP modes, ids and names of loaded BPF programs, pins, whether
                  /etc/weir/balance.yaml is valid, what /etc/weir/serve.yaml sets, without its texts

Left out: names of hosts, users and interfaces, addresses, command lines, the environment, and paths below home folders.
<host>, <user>, <interface>, <address>, <mac>, <url> and <path> stand for such. Have a look before you send it.
(EACCES), (ENOENT) and the like stand where something could not be read; as root, more can.
`;

export interface BundleFile {
  readonly name: string;
  readonly text: string;
}

/** @param report The report's text and its value, as they are. */
export function bundleFiles(report: { text: string; value: object }, names: PrivateNames): BundleFile[] {
  const json = (value: object) => `${JSON.stringify(redactValue(value, names), null, 2)}\n`;
  return [
    { name: 'README.txt', text: README },
    { name: 'doctor.txt', text: redact(report.text, names) },
    { name: 'doctor.json', text: json(report.value) },
    { name: 'versions.json', text: json(versions()) },
    { name: 'kernel.config', text: redact(kernelOptions(), names) },
    { name: 'host.json', text: json(hostState()) },
  ];
}

export async function packBundle(files: readonly BundleFile[]): Promise<Uint8Array> {
  const pack = tar.pack();
  for (const { name, text } of files) pack.entry({ name: `weir-doctor/${name}`, mode: 0o600 }, text);
  pack.finalize();
  return gzipSync(await buffer(pack));
}

/** Makes the file, which only its owner may read. @throws UsageError if it exists or cannot be made */
export function writeBundle(path: string, data: Uint8Array): void {
  let fd: number;
  try {
    fd = openSync(path, 'wx', 0o600);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new UsageError(code === 'EEXIST' ? `${path} exists; name another file with --bundle` : message);
  }
  try {
    writeFileSync(fd, data);
  } finally {
    closeSync(fd);
  }
}

/** A line a file, with its size in bytes. */
export function listFiles(path: string, files: readonly BundleFile[]): string {
  const rows = files.map(({ name, text }) => `  ${name.padEnd(14)} ${Buffer.byteLength(text)} bytes\n`);
  return `${path}\n${rows.join('')}`;
}

export function bundlePath(now: Date): string {
  return `weir-doctor-${now.toISOString().slice(0, 10)}.tar.gz`;
}
