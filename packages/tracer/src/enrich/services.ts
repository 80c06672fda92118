/** Names of ports: from /etc/services, with the most common ones built in for hosts that have no such file. */
import { readSmallFile } from '@weir/ebpf/sys';
import type { ServicePort } from '../filter/service-ports.js';

/** A transport protocol. */
export type Transport = 'tcp' | 'udp';

/** IANA's names, and of unregistered ports those by which the service is commonly known. */
const builtIn = `
ftp 21/tcp; ssh 22/tcp; telnet 23/tcp; smtp 25/tcp; domain 53/tcp; domain 53/udp; bootps 67/udp; bootpc 68/udp;
tftp 69/udp; http 80/tcp; http 80/udp; kerberos 88/tcp; kerberos 88/udp; pop3 110/tcp; sunrpc 111/tcp; sunrpc 111/udp;
ntp 123/udp; netbios-ns 137/udp; netbios-dgm 138/udp; netbios-ssn 139/tcp; imap2 143/tcp; snmp 161/udp;
snmp-trap 162/udp; bgp 179/tcp; ldap 389/tcp; https 443/tcp; https 443/udp; microsoft-ds 445/tcp; isakmp 500/udp;
syslog 514/udp; submission 587/tcp; ipp 631/tcp; ldaps 636/tcp; domain-s 853/tcp; rsync 873/tcp; imaps 993/tcp;
pop3s 995/tcp; openvpn 1194/udp; ms-sql-s 1433/tcp; radius 1812/udp; mqtt 1883/tcp; nfs 2049/tcp; zookeeper 2181/tcp;
etcd-client 2379/tcp; etcd-server 2380/tcp; mysql 3306/tcp; ms-wbt-server 3389/tcp; stun 3478/udp; svn 3690/tcp;
epmd 4369/tcp; ipsec-nat-t 4500/udp; vxlan 4789/udp; sip 5060/tcp; sip 5060/udp; xmpp-client 5222/tcp; mdns 5353/udp;
llmnr 5355/udp; postgresql 5432/tcp; amqps 5671/tcp; amqp 5672/tcp; vnc 5900/tcp; x11 6000/tcp; geneve 6081/udp;
redis 6379/tcp; kubernetes 6443/tcp; http-alt 8080/tcp; mqtts 8883/tcp; kafka 9092/tcp; prometheus 9090/tcp;
node-exporter 9100/tcp; elasticsearch 9200/tcp; git 9418/tcp; kubelet 10250/tcp; memcached 11211/tcp; mongodb 27017/tcp;
wireguard 51820/udp
`.replaceAll(';', '\n');

/** Reads services(5): lines of `name port/protocol aliases… # comment`. The first name of a port counts. */
export function parseServices(text: string): Map<string, string> {
  const names = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^\s*([^\s#]+)\s+(\d{1,5})\/(tcp|udp)(?:[\s#]|$)/.exec(line);
    if (match === null) continue;
    const [, name, port, transport] = match;
    const key = `${Number(port)}/${transport}`;
    if (Number(port) <= 65_535 && !names.has(key)) names.set(key, name!);
  }
  return names;
}

/** Looks up names of ports. */
export class Services {
  readonly #names: ReadonlyMap<string, string>;

  /**
   * Takes service names from a text and from the built-in list.
   *
   * @param text Of a services(5) file; the built-in names stand in for those that it does not have.
   */
  constructor(text = '') {
    this.#names = new Map([...parseServices(builtIn), ...parseServices(text)]);
  }

  /** Reads this host's file; without one, only the built-in names count. */
  static read(path = '/etc/services'): Services {
    return new Services(readSmallFile(path));
  }

  /** The name of the service that usually has a port. */
  name(port: number, transport: Transport): string | undefined {
    return this.#names.get(`${port}/${transport}`);
  }

  /** All ports that have names. */
  *[Symbol.iterator](): Generator<ServicePort> {
    for (const [key, name] of this.#names) {
      const [port, transport] = key.split('/') as [string, Transport];
      yield { name, port: Number(port), transport };
    }
  }
}
