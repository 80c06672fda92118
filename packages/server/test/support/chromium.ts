/** A real browser. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A browser with a page and a profile of its own, until it is disposed of. */
export class Chromium implements AsyncDisposable {
  readonly #profile = mkdtempSync(join(tmpdir(), 'weir-chromium-'));
  readonly #child;
  readonly #ended;

  /** @param hosts Names that are at 127.0.0.1 for this browser. */
  constructor(url: string, hosts: readonly string[]) {
    const rules = hosts.map((host) => `MAP ${host} 127.0.0.1`).join(', ');
    const args = [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'],
      ...['--remote-debugging-port=0', `--user-data-dir=${this.#profile}`, `--host-resolver-rules=${rules}`],
    ];
    // Its processes are a group, as it leaves some behind when it is killed alone.
    this.#child = spawn('chromium', [...args, url], { stdio: 'ignore', detached: true });
    this.#ended = once(this.#child, 'exit');
  }

  /** Rejects when it ends by itself, or is not there. */
  async ended(): Promise<never> {
    const [status] = await this.#ended;
    throw new Error(`chromium ended with status ${status}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.pid !== undefined && this.#child.exitCode === null) {
      process.kill(-this.#child.pid, 'SIGKILL');
      await this.#ended;
    }
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
