/** Which addresses a Pod or a Service of Kubernetes has, and how it is called. Pure. */

type Json = Readonly<Record<string, unknown>>;

/** A kind of object with addresses. */
export type KubernetesKind = 'pods' | 'services';

/** An object. */
export interface NamedObject {
  /** Unique among those of its kind. */
  readonly key: string;
  /** As Kubernetes' DNS has it, without the cluster's domain: `web.shop.svc`, `web-0.shop.pod`. */
  readonly name: string;
  readonly addresses: readonly string[];
}

/** Names in Kubernetes are labels of DNS, or several with points. */
const nameForm = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

/** Reads one; undefined for what is none. */
export function readObject(kind: KubernetesKind, value: unknown): NamedObject | undefined {
  if (!isObject(value) || !isObject(value.metadata)) return undefined;
  const { name, namespace } = value.metadata;
  if (!isName(name) || !isName(namespace)) return undefined;
  const spec = objectOf(value.spec);
  const status = objectOf(value.status);
  const addresses = kind === 'pods' ? podAddresses(spec, status) : serviceAddresses(spec, status);
  return {
    key: `${namespace}/${name}`,
    name: `${name}.${namespace}.${kind === 'pods' ? 'pod' : 'svc'}`,
    addresses: [
      ...new Set(addresses.filter((each) => typeof each === 'string' && isAddressText(each))),
    ] as string[],
  };
}

/** A pod in the network of its node has that one's addresses, and one that is over has none any more. */
function podAddresses(spec: Json, status: Json): unknown[] {
  if (spec.hostNetwork === true || status.phase === 'Succeeded' || status.phase === 'Failed') return [];
  return [status.podIP, ...listOf(status.podIPs).map((each) => objectOf(each).ip)];
}

function serviceAddresses(spec: Json, status: Json): unknown[] {
  const ingress = listOf(objectOf(status.loadBalancer).ingress).map((each) => objectOf(each).ip);
  return [spec.clusterIP, ...listOf(spec.clusterIPs), ...listOf(spec.externalIPs), ...ingress];
}

/** "None" is what a Service without an address has. */
function isAddressText(text: string): boolean {
  return /^[0-9a-f.:]{2,45}$/.test(text);
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && nameForm.test(value);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function objectOf(value: unknown): Json {
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
