/** Names of containers and pods, from files and sockets as runtimes write them, some of which mean no good. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { describeContainerSources } from '../src/enrich/containers/availability.js';
import { type ContainerIdentity, ContainerNames, Enricher, Processes } from '../src/enrich/index.js';
import type { ConnectRecord } from '../src/index.js';

const id = '3f2a'.padEnd(64, '0');
const other = 'beef'.padEnd(64, '1');
const podUid = '6a4eb8e0-51a8-4e7e-9a4c-3b6a2f4f9a11';
let root = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'weir-containers-'));
});

afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, content: unknown): void {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
}

/** What is known once no lookup is under way. */
async function namesOf(identity: ContainerIdentity, names = new ContainerNames({ root })) {
  using _names = names;
  names.names(identity);
  while (names.pending > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  return names.names(identity);
}

/** Docker's API, on the socket of this root, for as long as it is not disposed of. */
async function api(answer: RequestListener): Promise<AsyncDisposable & { readonly asked: string[] }> {
  mkdirSync(join(root, 'var/run'), { recursive: true });
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(join(root, 'var/run/docker.sock'), resolve));
  const close = () => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return { asked, [Symbol.asyncDispose]: close };
}

const dockerLabels = {
  'io.kubernetes.container.name': 'app',
  'io.kubernetes.pod.name': 'web-0',
  'io.kubernetes.pod.namespace': 'shop',
};
const inShop = { container_name: 'app', pod_name: 'web-0', pod_namespace: 'shop' };
const docker = { container_id: id, container_runtime: 'docker' } as const;

describe('names of containers come from', () => {
  it("Docker's files", async () => {
    write(`var/lib/docker/containers/${id}/config.v2.json`, { Name: '/web', Config: { Labels: {} } });
    assert.deepEqual(await namesOf(docker), { container_name: 'web' });
  });

  it("the labels that Kubernetes gives Docker's containers", async () => {
    const Name = `/k8s_app_web-0_shop_${podUid}_0`;
    write(`var/lib/docker/containers/${id}/config.v2.json`, { Name, Config: { Labels: dockerLabels } });
    assert.deepEqual(await namesOf({ ...docker, pod_uid: podUid }), inShop);
  });

  it("Docker's socket, asked once", async () => {
    await using server = await api((_, response) => response.end(JSON.stringify({ Name: '/web' })));
    const names = new ContainerNames({ root });
    assert.equal(names.names(docker), undefined, 'the first record is not kept waiting');
    assert.deepEqual(await namesOf(docker, names), { container_name: 'web' });
    assert.deepEqual(server.asked, [`GET /containers/${id}/json`]);
  });

  it("the names of log files, where the runtime is not known and Docker's socket hangs, which is asked once", async () => {
    write(`var/log/containers/web-0_shop_app-${id}.log`, '');
    await using server = await api(() => undefined);
    const names = new ContainerNames({ root, timeoutMs: 200 });
    names.names({ container_id: id, pod_uid: podUid });
    names.names({ container_id: other, pod_uid: podUid });
    while (names.pending > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const third = { container_id: 'c0de'.padEnd(64, '2') };
    assert.equal(await namesOf(third, names), undefined);
    assert.deepEqual(names.names({ container_id: id, pod_uid: podUid }), inShop);
    assert.deepEqual(server.asked, [`GET /containers/${other}/json`]);
  });

  it('the folder of a pod, kept where the socket that is asked for its container hangs', async () => {
    mkdirSync(join(root, `var/log/pods/shop_web-0_${podUid}`), { recursive: true });
    await using _server = await api(() => undefined);
    const names = await namesOf(
      { container_id: id, pod_uid: podUid },
      new ContainerNames({ root, timeoutMs: 200 }),
    );
    assert.deepEqual(names, { pod_name: 'web-0', pod_namespace: 'shop' });
  });

  it("containerd's bundles in all of its namespaces, with the annotations of Kubernetes or of nerdctl", async () => {
    const tasks = 'run/containerd/io.containerd.runtime.v2.task';
    write(`${tasks}/k8s.io/${id}/config.json`, {
      annotations: {
        'io.kubernetes.cri.container-name': 'app',
        'io.kubernetes.cri.sandbox-name': 'web-0',
        'io.kubernetes.cri.sandbox-namespace': 'shop',
      },
    });
    write(`${tasks}/default/${other}/config.json`, { annotations: { 'nerdctl/name': 'redis' } });
    const containerd = { container_runtime: 'containerd' };
    assert.deepEqual(await namesOf({ ...containerd, container_id: id, pod_uid: podUid }), inShop);
    assert.deepEqual(await namesOf({ ...containerd, container_id: other }), { container_name: 'redis' });
  });

  it("containerd's bundles where k3s keeps them, and where the runtime is not known", async () => {
    write(`run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/${id}/config.json`, {
      annotations: { 'io.kubernetes.cri.container-name': 'app' },
    });
    assert.deepEqual(await namesOf({ container_id: id }), { container_name: 'app' });
  });

  it("CRI-O's bundles", async () => {
    write(`run/containers/storage/overlay-containers/${id}/userdata/config.json`, {
      annotations: dockerLabels,
    });
    assert.deepEqual(
      await namesOf({ container_id: id, container_runtime: 'cri-o', pod_uid: podUid }),
      inShop,
    );
  });

  it("Podman's lists, of root and of users, of containers that stay and of others", async () => {
    const list = (found: string, name: string) => [{ id: found, names: [name], metadata: '{}' }];
    write('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n');
    write('var/lib/containers/storage/overlay-containers/containers.json', list(id, 'web'));
    write(
      'home/ann/.local/share/containers/storage/vfs-containers/volatile-containers.json',
      list(other, 'job'),
    );
    const podman = { container_runtime: 'podman' };
    assert.deepEqual(await namesOf({ ...podman, container_id: id }), { container_name: 'web' });
    assert.deepEqual(await namesOf({ ...podman, container_id: other }), { container_name: 'job' });
  });

  it("the names of Kubernetes' logs, which need no rights", async () => {
    mkdirSync(join(root, 'var/log/containers'), { recursive: true });
    symlinkSync('/nowhere', join(root, `var/log/containers/web-0_shop_app-${id}.log`));
    mkdirSync(join(root, `var/log/pods/shop_web-0_${podUid}`), { recursive: true });
    assert.deepEqual(await namesOf({ container_id: id, pod_uid: podUid }), inShop);
    assert.deepEqual(await namesOf({ pod_uid: podUid }), { pod_name: 'web-0', pod_namespace: 'shop' });
    const shownAlone = await namesOf({ container_id: other, pod_uid: podUid });
    assert.deepEqual(shownAlone, { pod_name: 'web-0', pod_namespace: 'shop' });
  });

  it('what else lies beside it, with the same id', async () => {
    for (const before of ['_', '__', 'a_b_c_']) {
      mkdirSync(join(root, `var/log/pods/${before}${podUid}`), { recursive: true });
      write(`var/log/containers/${before}-${id}.log`, '');
    }
    mkdirSync(join(root, `var/log/pods/shop_web-0_${podUid}`), { recursive: true });
    write(`var/log/containers/web-0_shop_app-${id}.log`, '');
    assert.deepEqual(await namesOf({ container_id: id, pod_uid: podUid }), inShop);
    write('etc/passwd', 'ann:x:1000:1000::/home/ann:/bin/sh\nbob:x:1001:1001::/home/bob:/bin/sh\n');
    write(`home/ann/.local/share/docker/containers/${other}/config.v2.json`, '{}');
    write(`home/bob/.local/share/docker/containers/${other}/config.v2.json`, { Name: '/job' });
    assert.deepEqual(await namesOf({ ...docker, container_id: other }), { container_name: 'job' });
  });

  it("Kubernetes' and Docker's namespaces of containerd beside many others", async () => {
    const tasks = 'run/containerd/io.containerd.runtime.v2.task';
    for (let index = 0; index < 100; index++) mkdirSync(join(root, tasks, `n${index}`), { recursive: true });
    const annotations = { 'io.kubernetes.cri.container-name': 'app' };
    write(`${tasks}/k8s.io/${id}/config.json`, { annotations });
    assert.deepEqual(await namesOf({ container_id: id }), { container_name: 'app' });
  });
});

describe('names of containers are absent', () => {
  it('where no runtime is, for ids that are no file names, and outside containers', async () => {
    assert.equal(await namesOf(docker), undefined);
    write('etc/config.v2.json', { Name: '/outside' });
    assert.equal(await namesOf({ container_id: '../../../etc', container_runtime: 'docker' }), undefined);
    const names = new ContainerNames({ root });
    assert.equal(names.names({}), undefined);
    assert.equal(names.pending, 0);
  });

  it('where files are damaged, too large, pipes or links', async () => {
    const file = `var/lib/docker/containers/${id}/config.v2.json`;
    const large = { Name: '/web', padding: 'x'.repeat(1 << 20) };
    const unusable = ['', '{"Name":', 'null', '[]', { Name: 7 }, { Name: `/${'x'.repeat(300)}` }, large];
    for (const content of unusable) {
      write(file, content);
      assert.equal(await namesOf(docker), undefined, JSON.stringify(content).slice(0, 40));
    }
    rmSync(join(root, file));
    execFileSync('mkfifo', [join(root, file)]);
    assert.equal(await namesOf(docker), undefined);
    rmSync(join(root, file));
    write('home/secret', { Name: '/web' });
    symlinkSync(join(root, 'home/secret'), join(root, file));
    assert.equal(await namesOf(docker), undefined);
  });

  it('where the socket answers nonsense, too much, or nothing', async () => {
    const answers: RequestListener[] = [
      (_, response) => response.writeHead(404).end('{"message":"No such container"}'),
      (_, response) => response.end('<html>'),
      (request) => request.socket.destroy(),
      (_, response) => response.end(`{"Name":"/web","padding":"${'x'.repeat(2 << 20)}"}`),
      () => undefined,
    ];
    for (const [index, answer] of answers.entries()) {
      await using _server = await api(answer);
      assert.equal(
        await namesOf(docker, new ContainerNames({ root, timeoutMs: 200 })),
        undefined,
        String(index),
      );
      rmSync(join(root, 'var/run/docker.sock'), { force: true });
    }
  });
});

describe('names of containers', () => {
  it('are hostile text that is handed on as it is', async () => {
    write(`var/lib/docker/containers/${id}/config.v2.json`, { Name: '/\u001b]0;owned\u0007' });
    assert.deepEqual(await namesOf(docker), { container_name: '\u001b]0;owned\u0007' });
  });

  it('are remembered for a bounded number of containers', async () => {
    await using server = await api((_, response) => response.end('{"Name":"/web"}'));
    const names = new ContainerNames({ root, limit: 2 });
    for (let index = 0; index < 5; index++) {
      names.names({ container_id: String(index).repeat(64), container_runtime: 'docker' });
      while (names.pending > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.equal(server.asked.length, 5);
    assert.equal(names.names({ container_id: '0'.repeat(64), container_runtime: 'docker' }), undefined);
    names[Symbol.dispose]();
  });

  it('follow a rename, and are looked for again where there were none', async () => {
    let now = 0;
    const names = new ContainerNames({ root, now: () => now });
    const settled = async () => {
      names.names(docker);
      while (names.pending > 0) await new Promise((resolve) => setTimeout(resolve, 5));
      return names.names(docker)?.container_name;
    };
    const file = `var/lib/docker/containers/${id}/config.v2.json`;
    assert.equal(await settled(), undefined);
    write(file, { Name: '/web' });
    now = 6_000;
    assert.equal(await settled(), 'web');
    write(file, { Name: '/renamed' });
    assert.equal(await settled(), 'web');
    now = 70_000;
    assert.equal(await settled(), 'renamed');
  });

  it('are in records from the one after the lookup on', async () => {
    write(`var/lib/docker/containers/${id}/config.v2.json`, { Name: '/web' });
    using containerNames = new ContainerNames({ root });
    const reader = { state: () => ({ startTicks: 1, comm: 'x' }), details: () => ({ ...docker }) };
    const enricher = new Enricher({ processes: new Processes({ reader }), containerNames });
    const monotonic_ns = Number(process.hrtime.bigint());
    const record = {
      event: 'connect',
      monotonic_ns,
      process: { pid: 9, tid: 9, comm: 'x', uid: 0 },
    } as ConnectRecord;
    const nameIn = () =>
      enricher.enrich({ ...record, peer: { address: '::1', port: 1 } }).process?.container_name;
    assert.equal(nameIn(), undefined);
    while (containerNames.pending > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(nameIn(), 'web');
  });
});

describe('the report on sources of names', () => {
  it('has those that are there', async () => {
    const states = () =>
      Object.fromEntries(describeContainerSources(root).map(({ name, state }) => [name, state]));
    assert.deepEqual(new Set(Object.values(states())), new Set(['absent']));
    mkdirSync(join(root, 'var/lib/docker/containers'), { recursive: true });
    await using _server = await api(() => undefined);
    write('etc/passwd', 'ann:x:1000:1000::/home/ann:/bin/sh\n');
    mkdirSync(join(root, 'home/ann/.local/share/containers/storage'), { recursive: true });
    assert.ok(existsSync(join(root, 'var/run/docker.sock')));
    const present = Object.entries(states()).filter(([, state]) => state === 'present');
    assert.deepEqual(
      present.map(([name]) => name),
      ['Docker', "Docker's API", 'Podman of users'],
    );
  });
});
