/** Fields by which answers are grouped, as people call them. Pure. */

/** A field. */
export interface GroupFieldTitle {
  /** As the API calls it. */
  readonly name: string;
  readonly title: string;
}

/** All fields, those asked for most first. */
export const groupFields: readonly GroupFieldTitle[] = [
  { name: 'process', title: 'Process' },
  { name: 'peer_name', title: 'Peer' },
  { name: 'port', title: 'Port' },
  { name: 'error', title: 'Error' },
  { name: 'closed_by', title: 'Closed by' },
  { name: 'direction', title: 'Direction' },
  { name: 'unit', title: 'Unit' },
  { name: 'container', title: 'Container' },
  { name: 'pod', title: 'Pod' },
  { name: 'namespace', title: 'Kubernetes namespace' },
  { name: 'executable', title: 'Program' },
  { name: 'command_line', title: 'Command line' },
  { name: 'pid', title: 'PID' },
  { name: 'uid', title: 'UID' },
  { name: 'peer_group', title: 'Network' },
  { name: 'country', title: 'Country' },
  { name: 'asn', title: 'AS number' },
  { name: 'as_org', title: 'AS organisation' },
  { name: 'peer', title: 'Peer address' },
  { name: 'peer_port', title: 'Peer port' },
  { name: 'local', title: 'Local address' },
  { name: 'local_port', title: 'Local port' },
  { name: 'service', title: 'Service' },
  { name: 'transport', title: 'Transport' },
  { name: 'family', title: 'Family' },
  { name: 'event', title: 'Event' },
  { name: 'interface', title: 'Interface' },
  { name: 'netns', title: 'Network namespace' },
  { name: 'host', title: 'Host' },
];

/** The title of a field. */
export function fieldTitle(name: string): string {
  return groupFields.find((field) => field.name === name)?.title ?? name;
}

/** The fields that a text names, with commas; what there is not is left out. */
export function readFields(text: string, most: number): string[] {
  const names = text.split(',').filter((name) => groupFields.some((field) => field.name === name));
  return [...new Set(names)].slice(0, most);
}
