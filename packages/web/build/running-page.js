/** `weir serve` on made traffic in a network namespace of its own, and a browser there. It needs root, Chromium and network namespaces. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { addresses } from './pictures-traffic.js';

/** Where the page is, in the namespace. */
export const ORIGIN = 'http://127.0.0.1:9436';
const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const ip = (...args) => execFileSync('ip', args);

/** It serves until it is disposed of. */
export class RunningPage {
  #netns = `weir-pictures-${process.pid}`;
  #folder = mkdtempSync(join(tmpdir(), 'weir-pictures-'));
  #children = [];

  /** Starts it, and the traffic once connections are recorded. */
  static async start() {
    const page = new RunningPage();
    try {
      await page.#start();
      return page;
    } catch (error) {
      await page.stop();
      throw error;
    }
  }

  async #start() {
    // The server's user passes through it.
    chmodSync(this.#folder, 0o755);
    ip('netns', 'add', this.#netns);
    ip('-n', this.#netns, 'link', 'set', 'lo', 'up');
    for (const address of addresses) ip('-n', this.#netns, 'address', 'add', `${address}/32`, 'dev', 'lo');
    const own = ['--folder', join(this.#folder, 'w'), '--netns', this.#netns, '--sweep', '2s'];
    const serve = [path('../../cli/bin/weir.js'), 'serve', ...own, '--ready-fd', '3'];
    const served = this.#run(serve, ['ignore', 'ignore', 'inherit', 'pipe']);
    await text(served.stdio[3]);
    this.#run([path('pictures-traffic.js')], 'ignore');
  }

  #run(args, stdio) {
    const child = spawn('ip', ['netns', 'exec', this.#netns, process.execPath, ...args], { stdio });
    this.#children.push(child);
    return child;
  }

  /** A browser where the server listens. */
  browser() {
    const wrapper = join(this.#folder, 'chromium');
    const command = `exec ip netns exec ${this.#netns} /usr/bin/chromium "$@"`;
    writeFileSync(wrapper, `#!/bin/sh\n${command}\n`, { mode: 0o755 });
    return chromium.launch({ executablePath: wrapper, args: ['--no-sandbox', '--disable-gpu'] });
  }

  /** Ends all of it, and leaves nothing behind. */
  async stop() {
    // The traffic before what records it.
    for (const child of this.#children.reverse()) {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
    }
    ip('netns', 'del', this.#netns);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
