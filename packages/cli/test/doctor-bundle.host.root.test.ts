import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const entry = fileURLToPath(new URL('../src/entries/entry-point.js', import.meta.url));
/** A host of its own, with an XDP program: its name, interfaces, addresses and environment are found nowhere else. */
const host = `set -e
hostname quokka-7731.example.org
ip link set lo up
ip link add wombat7731 type veth peer name numbat7731
ip addr add 10.77.31.9/24 dev wombat7731
ip addr add 2001:db8:7731::9/64 dev wombat7731
ip link set wombat7731 up
mount -t sysfs sysfs /sys
mount -t bpf bpf /sys/fs/bpf
"$NODE" "$ENTRY" balance decapsulate --mode generic --address 10.77.31.9 --name quokka7731 wombat7731 >/dev/null
exec "$@"`;
const env = {
  ...process.env,
  NODE: process.execPath,
  ENTRY: entry,
  USER: 'zelda7731',
  HOME: '/home/zelda7731',
  WEIR_TOKEN: 'secret-7731',
};
const privateTexts = /7731|quokka|wombat|numbat|zelda|10\.77\.31|secret/i;

function contents(prefix: readonly string[], path: string): string {
  const args = [
    '-m',
    '-n',
    '-u',
    'sh',
    '-c',
    host,
    'sh',
    ...prefix,
    process.execPath,
    entry,
    'doctor',
    '--bundle',
    path,
  ];
  const list = execFileSync('unshare', args, { env, encoding: 'utf8' });
  assert.match(list, /doctor\.json +\d+ bytes/);
  return gunzipSync(readFileSync(path)).toString();
}

describe('weir doctor --bundle', () => {
  for (const [who, prefix] of [
    ['root', []],
    ['another user', ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']],
  ] as const) {
    it(`holds the report and nothing private, run by ${who}`, () => {
      const folder = mkdtempSync(join(tmpdir(), 'weir-bundle-'));
      try {
        chmodSync(folder, 0o777);
        const text = contents(prefix, join(folder, 'b.tar.gz'));
        assert.match(text, /"capabilities": \[/);
        assert.match(text, /"driver": /);
        assert.match(text, /"xdp": \{\s*"mode": "generic",\s*"programId": \d+/);
        if (who === 'root') assert.match(text, /"type": "BPF_PROG_TYPE_XDP",\s*"name": "decapsulate_\w+"/);
        else assert.match(text, /"programs": "\(EPERM\)"/);
        assert.doesNotMatch(text, privateTexts);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  }
});
