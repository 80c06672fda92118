/** Objects of Kubernetes in the files of a Kustomize base, and what the API's types say of them. */

import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
import { attempt, repository, temporaryFolder } from '@weir/lab';
import { DaemonSet } from 'kubernetes-models/apps/v1';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { ClusterRole, ClusterRoleBinding } from 'kubernetes-models/rbac.authorization.k8s.io/v1';
import { Namespace, Service, ServiceAccount } from 'kubernetes-models/v1';
import { parseAllDocuments } from 'yaml';

/** What every object has. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

interface Model {
  validate(): void;
}

const core = 'kubernetes-models/v1';
const rbac = 'kubernetes-models/rbac.authorization.k8s.io/v1';

/** By kind: a model that checks an object, and the module whose types it has. */
const kinds: Readonly<Record<string, readonly [model: new (data: never) => Model, module: string]>> = {
  Namespace: [Namespace, core],
  Service: [Service, core],
  ServiceAccount: [ServiceAccount, core],
  ClusterRole: [ClusterRole, rbac],
  ClusterRoleBinding: [ClusterRoleBinding, rbac],
  DaemonSet: [DaemonSet, 'kubernetes-models/apps/v1'],
  NetworkPolicy: [NetworkPolicy, 'kubernetes-models/networking.k8s.io/v1'],
  ServiceMonitor: [ServiceMonitor, '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1'],
};

/** The objects of a file. @throws Error for what is no YAML */
export function readObjects(path: string): KubernetesObject[] {
  return parseAllDocuments(readFileSync(path, 'utf8')).map((document) => {
    if (document.errors[0] !== undefined) throw document.errors[0];
    return document.toJS() as KubernetesObject;
  });
}

/** @throws Error for values that the API refuses, and for kinds that it does not have */
export function validate(object: KubernetesObject): void {
  const known = kinds[object.kind];
  if (known === undefined) throw new Error(`no model has the kind ${object.kind}`);
  new known[0](object as never).validate();
}

/** What the compiler says of objects as literals of the API's types, which, unlike models, have no other fields; empty if nothing. */
export async function typeProblems(objects: readonly KubernetesObject[]): Promise<string> {
  using folder = temporaryFolder('weir-manifests-');
  const source = objects.map((object, index) => {
    const type = `I${object.kind}`;
    return `import type { ${type} as T${index} } from '${kinds[object.kind]![1]}';
export const object${index}: T${index} = ${JSON.stringify(object, null, 2)};\n`;
  });
  mkdirSync(join(folder.path, 'src'));
  symlinkSync(join(repository, 'node_modules'), join(folder.path, 'node_modules'));
  writeFileSync(join(folder.path, 'src/objects.mts'), source.join(''));
  const compilerOptions = {
    ...{ strict: true, noEmit: true, skipLibCheck: true, types: [] },
    ...{ module: 'nodenext', target: 'es2022' },
  };
  writeFileSync(join(folder.path, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }));
  const compiler = join(repository, 'node_modules/typescript/bin/tsc');
  const { status, stdout, stderr } = await attempt(process.execPath, [compiler, '-p', folder.path]);
  return status === 0 ? '' : `${stdout}${stderr}`;
}
