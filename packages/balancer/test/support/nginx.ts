/** nginx in a namespace, which answers every request with its number. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withNetns } from '@weir/ebpf/sys';

const folder = mkdtempSync(join(tmpdir(), 'weir-nginx-'));
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** Configuration of one process without files, on port 80 of all addresses. */
function configuration(number: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder};`,
  );
  return `daemon off;
master_process off;
pid ${folder}/${number}.pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off;
  ${temporary.join(' ')}
  keepalive_requests 1000000000;
  server {
    listen 80;
    listen [::]:80;
    location / { return 200 "real ${number}\\n"; }
  }
}
`;
}

export class Nginx {
  readonly #child: ChildProcess;

  constructor(namespace: number, number: number) {
    const file = join(folder, `${number}.conf`);
    writeFileSync(file, configuration(number));
    const args = ['-c', file, '-p', folder, '-e', 'stderr'];
    this.#child = withNetns(namespace, () =>
      spawn('nginx', args, { stdio: ['ignore', 'ignore', 'inherit'] }),
    );
    running.add(this.#child);
  }

  async kill(): Promise<void> {
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
    running.delete(this.#child);
  }
}
