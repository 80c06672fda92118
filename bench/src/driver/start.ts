/** Time from a tool's start to its first event, as a user at a terminal sees it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Tool } from '../tools.js';
import { openInput } from './input.js';
import type { Load } from './load.js';

const connectionsPerSecond = 200;
const limitMs = 180_000;
// biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal is sent begins with them.
const terminalCodes = /\r|\x1b\[[0-9;]*m/g;

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** Seconds. A pseudo-terminal (script(1)) keeps the tools from holding lines back, as they do before a file or pipe. */
export async function secondsToFirstEvent(tool: Tool, load: Load): Promise<number> {
  const line = new RegExp(tool.eventLine, 'm');
  const background = load.background(connectionsPerSecond);
  await once(background, 'spawn');
  const command = `exec ${tool.command.map(quote).join(' ')}`;
  const started = performance.now();
  const child = spawn('script', ['-qfec', command, '/dev/null'], { stdio: [openInput, 'pipe', 'ignore'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
  try {
    let text = '';
    for await (const chunk of child.stdout) {
      text += String(chunk);
      if (line.test(text.replace(terminalCodes, ''))) return (performance.now() - started) / 1000;
    }
    throw new Error(`${tool.name} printed no event: ${text.trim().slice(-500)}`);
  } finally {
    clearTimeout(timer);
    child.kill('SIGTERM');
    background.kill('SIGKILL');
  }
}
