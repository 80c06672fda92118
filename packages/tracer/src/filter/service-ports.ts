/** Ports by the names of their services. */

/** A port that has a name. */
export interface ServicePort {
  readonly name: string;
  readonly port: number;
  readonly transport: 'tcp' | 'udp';
}

/** Which ports of which transport are meant. */
export type ServicePorts = Readonly<Record<'tcp' | 'udp', ReadonlySet<number>>>;

/** The ports whose service's name meets a condition. */
export function portsOf(services: Iterable<ServicePort>, meets: (name: string) => boolean): ServicePorts {
  const found = { tcp: new Set<number>(), udp: new Set<number>() };
  for (const { name, port, transport } of services) if (meets(name)) found[transport].add(port);
  return found;
}
