/** The Kustomize base: its objects are those of the API, and what they say of Weir is so. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { repository, temporaryFolder } from '@weir/lab';
import { WeirServer } from '@weir/server';
import { parseServeConfig } from '@weir/server/config';
import type { IDaemonSet } from 'kubernetes-models/apps/v1';
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import type { IClusterRole, IClusterRoleBinding } from 'kubernetes-models/rbac.authorization.k8s.io/v1';
import type { IProbe, IService } from 'kubernetes-models/v1';
import { parse } from 'yaml';
import { capabilities } from '../src/container/image.js';
import { releaseVersion } from '../src/npm/published.js';
import { type KubernetesObject, readObjects, typeProblems, validate } from './support/manifests.js';

const base = join(repository, 'release/kubernetes');
const readBase = (name: string) => readFileSync(join(base, name), 'utf8');
const read = (path: string) => readFileSync(join(repository, path), 'utf8');

interface Kustomization {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly resources: readonly string[];
  readonly configMapGenerator: readonly { readonly name: string; readonly files: readonly string[] }[];
  readonly images: readonly { readonly name: string; readonly newName: string; readonly newTag: string }[];
}

const kustomization = parse(readBase('kustomization.yaml')) as Kustomization;
const objects = kustomization.resources.flatMap((name) => readObjects(join(base, name)));

function object<T>(kind: string): T {
  const found = objects.filter((each) => each.kind === kind);
  assert.equal(found.length, 1, kind);
  return found[0] as T;
}

const daemonSet = object<IDaemonSet>('DaemonSet');
const template = daemonSet.spec!.template;
const pod = template.spec!;
const container = pod.containers[0]!;
const volumeAt = (path: string) => {
  const mount = container.volumeMounts!.find(({ mountPath }) => mountPath === path);
  return { mount, volume: pod.volumes!.find(({ name }) => name === mount?.name) };
};

describe('the Kustomize base', () => {
  test('lists every file, and has every file that it lists', () => {
    assert.equal(kustomization.apiVersion, 'kustomize.config.k8s.io/v1beta1');
    assert.equal(kustomization.kind, 'Kustomization');
    const listed = [
      ...kustomization.resources,
      ...kustomization.configMapGenerator.flatMap(({ files }) => files),
      'kustomization.yaml',
    ];
    assert.deepEqual([...listed].sort(), readdirSync(base).sort());
  });

  test('has an object of each kind, once, in one namespace', () => {
    const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    assert.equal(new Set(names).size, names.length);
    assert.ok(names.includes(`Namespace ${kustomization.namespace}`));
    for (const kind of ['ServiceAccount', 'ClusterRole', 'NetworkPolicy', 'ServiceMonitor'])
      assert.ok(names.includes(`${kind} weir`), kind);
  });

  test('has values that the API takes', () => {
    for (const each of objects) validate(each);
  });

  test('has no field that the types of the API do not have', async () => {
    assert.equal(await typeProblems(objects), '');
  });

  test('is checked by models and types that see mistakes', async () => {
    const wrong = structuredClone(daemonSet) as unknown as {
      spec: { template: { spec: Record<string, unknown> } };
    };
    wrong.spec.template.spec.hostPid = true;
    const asObject = wrong as unknown as KubernetesObject;
    assert.match(await typeProblems([asObject]), /"hostPid"' does not exist/);
    wrong.spec.template.spec.hostPID = 'yes';
    assert.throws(() => validate(asObject), /hostPID must be boolean/);
  });

  test('selects the pods that it makes', () => {
    const { labels } = template.metadata!;
    assert.deepEqual(daemonSet.spec!.selector.matchLabels, labels);
    assert.deepEqual(object<IService>('Service').spec!.selector, labels);
    assert.deepEqual(object<INetworkPolicy>('NetworkPolicy').spec!.podSelector!.matchLabels, labels);
    const monitor = object<{ spec: { selector: { matchLabels: object } } }>('ServiceMonitor');
    assert.deepEqual(monitor.spec.selector.matchLabels, object<IService>('Service').metadata!.labels);
    const binding = object<IClusterRoleBinding>('ClusterRoleBinding');
    assert.equal(binding.roleRef.name, object<IClusterRole>('ClusterRole').metadata!.name);
    assert.equal(binding.subjects![0]!.name, pod.serviceAccountName);
    assert.equal(binding.subjects![0]!.namespace, kustomization.namespace);
  });

  test('takes the image of this version', () => {
    assert.deepEqual(
      kustomization.images.map(({ name, newTag }) => [name, newTag]),
      [[container.image, releaseVersion()]],
    );
  });

  test('mounts each of its volumes, and no other, in the places of the image and of the documentation', () => {
    assert.deepEqual(
      container.volumeMounts!.map(({ name }) => name).sort(),
      pod.volumes!.map(({ name }) => name).sort(),
    );
    assert.equal(volumeAt('/etc/weir').volume!.configMap!.name, kustomization.configMapGenerator[0]!.name);
    for (const path of ['/sys/kernel/tracing', '/etc/machine-id', '/var/log/pods', '/var/log/containers']) {
      assert.equal(volumeAt(path).volume!.hostPath!.path, path);
      assert.equal(volumeAt(path).mount!.readOnly, true, path);
    }
    assert.equal(volumeAt('/var/lib/weir').volume!.hostPath!.path, '/var/lib/weir');
    const named = read('docs/trace.md');
    for (const path of ['/var/log/pods', '/var/log/containers'])
      assert.ok(named.includes(`\`${path}\``), path);
  });

  test('gives the capabilities, the time to end and the privileges of the unit of systemd', () => {
    const { capabilities: given, allowPrivilegeEscalation } = container.securityContext!;
    assert.deepEqual(given!.drop, ['ALL']);
    assert.deepEqual([...given!.add!].sort(), [...capabilities.serve].sort());
    // The API refuses SYS_ADMIN beside this where it is written with CAP_ before it.
    assert.equal(allowPrivilegeEscalation, false);
    const unit = read('release/system/weir-serve.service');
    const [, seconds] = /^TimeoutStopSec=(\d+)$/m.exec(unit)!;
    assert.equal(pod.terminationGracePeriodSeconds, Number(seconds));
    assert.match(unit, /^NoNewPrivileges=yes$/m);
  });

  test('lets the group of the server read its secrets', () => {
    const group = pod.securityContext!.fsGroup;
    const files = read('release/src/container/base-files.ts');
    assert.ok(files.includes(`weir:x:${group}:${group}:`), `group ${group}`);
    for (const path of ['/secrets/tls', '/secrets/tokens'])
      assert.equal(volumeAt(path).volume!.secret!.defaultMode, 0o440, path);
    assert.equal(pod.securityContext!.runAsUser ?? container.securityContext!.runAsUser, undefined);
  });
});

describe('weir serve with the configuration of the base', () => {
  const folder = temporaryFolder('weir-kubernetes-');
  const at = (...parts: string[]) => join(folder.path, ...parts);
  const token = `weir_${'a'.repeat(43)}`;
  const path = container.args![2]!;
  const config = parseServeConfig(readBase('serve.yaml'), path);
  let server: WeirServer;
  let port = 0;

  before(async () => {
    mkdirSync(at('tokens'));
    writeFileSync(at('tokens/prometheus'), token);
    const name = ['-subj', '/CN=weir.weir.svc', '-addext', 'subjectAltName=DNS:weir.weir.svc', '-days', '1'];
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const files = ['-keyout', at('tls.key'), '-out', at('tls.crt')];
    execFileSync('openssl', ['req', '-x509', ...kind, ...name, ...files], { stdio: 'pipe' });
    const { kubernetes: _, ...rest } = config;
    server = await WeirServer.start({
      config: {
        ...rest,
        folder: at('history'),
        listen: [{ host: '127.0.0.1', port: 0 }],
        tls: { certificate: at('tls.crt'), key: at('tls.key') },
        tokens: config.tokens.map((each) => ({ ...each, file: at('tokens', each.name) })),
      },
      version: releaseVersion(),
      ingest: at('ingest.sock'),
      onProblem: () => {},
    });
    port = server.addresses[0]!.port;
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  /** Asks as a client of the cluster does, by the node's address, with the name of the service in TLS. */
  function ask(path: string, bearer?: string): Promise<{ status: number; body: string }> {
    const headers = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
    const tls = { servername: 'weir.weir.svc', ca: readFileSync(at('tls.crt')) };
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port, path, headers, ...tls };
      request(options, async (response) =>
        resolve({ status: response.statusCode!, body: await text(response) }),
      )
        .on('error', reject)
        .end();
    });
  }

  test('is started with arguments that there are, and reads its files where they are mounted', () => {
    assert.equal(container.command, undefined);
    const [command, flag] = container.args!;
    assert.deepEqual([command, flag], ['serve', '--config']);
    assert.ok(path.startsWith(`${volumeAt('/etc/weir').mount!.mountPath}/`));
    assert.deepEqual(kustomization.configMapGenerator[0]!.files, [path.slice('/etc/weir/'.length)]);
    const help = execFileSync(process.execPath, [
      join(repository, 'packages/cli/bin/weir.js'),
      'serve',
      '--help',
    ]);
    assert.match(help.toString(), /--config <file>/);
    for (const file of [config.tls!.certificate, config.tls!.key])
      assert.ok(volumeAt('/secrets/tls').mount && file.startsWith('/secrets/tls/tls.'), file);
    for (const { file } of config.tokens) assert.ok(file.startsWith('/secrets/tokens/'), file);
    assert.equal(config.folder, '/var/lib/weir');
  });

  test('listens at the port that container, service and policy name', () => {
    const port = container.ports![0]!;
    assert.equal(pod.hostNetwork, true);
    assert.deepEqual(
      config.listen.map((each) => each.port),
      [port.containerPort],
    );
    assert.equal(port.hostPort, port.containerPort);
    const [service] = object<IService>('Service').spec!.ports!;
    assert.deepEqual([service!.port, service!.targetPort], [port.containerPort, port.name]);
    const [rule] = object<INetworkPolicy>('NetworkPolicy').spec!.ingress!;
    assert.equal(rule!.ports![0]!.port, port.name);
  });

  test('answers its probes without a token, at paths that OpenAPI has', async () => {
    const { paths } = JSON.parse((await ask('/api/v1/openapi.json', token)).body) as { paths: object };
    const probes: IProbe[] = [container.startupProbe!, container.livenessProbe!, container.readinessProbe!];
    for (const { httpGet } of probes) {
      assert.equal(httpGet!.scheme, 'HTTPS');
      assert.equal(httpGet!.port, container.ports![0]!.name);
      assert.ok(Object.hasOwn(paths, httpGet!.path!), httpGet!.path);
    }
    assert.equal((await ask(container.livenessProbe!.httpGet!.path!)).status, 200);
    // No collector is connected here.
    const ready = await ask(container.readinessProbe!.httpGet!.path!);
    assert.equal(ready.status, 503);
    assert.match(ready.body, /no collector is connected/);
  });

  test("has metrics for the monitor's token, and nobody else", async () => {
    const [endpoint] = object<{
      spec: {
        endpoints: readonly {
          readonly port: string;
          readonly scheme: string;
          readonly path: string;
          readonly authorization: { readonly credentials: { readonly name: string; readonly key: string } };
          readonly tlsConfig: { readonly serverName: string; readonly ca: { secret: { name: string } } };
        }[];
      };
    }>('ServiceMonitor').spec.endpoints;
    const { name, key } = endpoint!.authorization.credentials;
    assert.equal(volumeAt('/secrets/tokens').volume!.secret!.secretName, name);
    assert.equal(volumeAt('/secrets/tls').volume!.secret!.secretName, endpoint!.tlsConfig.ca.secret.name);
    assert.ok(config.tokens.some(({ file, role }) => file === `/secrets/tokens/${key}` && role === 'read'));
    assert.ok(config.names.includes(endpoint!.tlsConfig.serverName));
    assert.deepEqual([endpoint!.scheme, endpoint!.port], ['https', container.ports![0]!.name]);
    assert.equal((await ask(endpoint!.path)).status, 401);
    const scraped = await ask(endpoint!.path, token);
    assert.equal(scraped.status, 200);
    assert.match(scraped.body, /^weir_build_info\{/m);
  });

  test('may ask the API for what names of peers need', () => {
    assert.deepEqual(config.kubernetes, {});
    const [rule] = object<IClusterRole>('ClusterRole').rules!;
    const documented = /```yaml\n(apiVersion: rbac[\s\S]*?)```/.exec(read('docs/networks.md'))![1]!;
    assert.deepEqual(rule, (parse(documented) as IClusterRole).rules![0]);
  });
});
