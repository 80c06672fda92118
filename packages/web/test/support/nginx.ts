/** nginx whose log says how many bytes each answer took. */
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Bytes of its files. */
export const files = { small: 1_234, slow: 400_000, large: 50_000_000 } as const;

/** A running nginx, with one process, on 127.0.0.1:8080. */
export class Nginx implements AsyncDisposable {
  readonly #folder: string;
  readonly #child: ChildProcess;

  /** @param spawn Starts a command where it shall run */
  constructor(spawn: (command: readonly string[], options: SpawnOptions) => ChildProcess) {
    this.#folder = mkdtempSync(join(tmpdir(), 'weir-nginx-'));
    for (const [name, size] of Object.entries(files))
      writeFileSync(join(this.#folder, name), Buffer.alloc(size, 'n'));
    const configuration = join(this.#folder, 'nginx.conf');
    writeFileSync(configuration, this.#configuration());
    const command = ['nginx', '-c', configuration, '-p', this.#folder, '-e', 'stderr'];
    this.#child = spawn(command, { stdio: ['ignore', 'ignore', 'inherit'] });
  }

  #configuration(): string {
    const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    return `daemon off;
master_process off;
pid ${this.#folder}/nginx.pid;
error_log stderr crit;
events {}
http {
  log_format sizes '$bytes_sent $request_length';
  access_log ${this.#folder}/sizes.log sizes;
  ${kinds.map((kind) => `${kind}_temp_path ${this.#folder};`).join(' ')}
  server { listen 127.0.0.1:8080; root ${this.#folder}; location = /slow { limit_rate 100k; } }
}
`;
  }

  /** What it has logged: of each answer its bytes, and those of the request. */
  get log(): (readonly [sent: number, received: number])[] {
    const lines = readFileSync(join(this.#folder, 'sizes.log'), 'utf8').trim().split('\n');
    return lines.filter(Boolean).map((line) => line.split(' ').map(Number) as [number, number]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Whether something listens there. @param listeners What `ss -tnlH` prints */
export function isListening(listeners: string): boolean {
  return /127\.0\.0\.1:8080\b/.test(listeners);
}
