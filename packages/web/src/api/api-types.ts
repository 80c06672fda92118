/** Answers of the API, as far as the page uses them. A test compares them with the server's schemas. */
import type {
  BalancerAnswer,
  BalancerChangesAnswer,
  BalancerLookupAnswer,
  BalancerSeriesAnswer,
} from './balancer-types.js';
import type { ApiRange, ApiTime } from './time-types.js';

export type { ApiRange, ApiTime } from './time-types.js';

/** Something that was lost. */
export interface Loss {
  readonly since?: ApiTime;
  /** The end of the span in which it was. */
  readonly time: ApiTime;
  /** Absent where it is not known. */
  readonly count?: number;
  readonly where: string;
  readonly detail?: string;
  readonly host?: string;
}

/** What every answer about a range says about it. */
export interface Coverage {
  readonly range: ApiRange;
  readonly losses: readonly Loss[];
  /** Spans in which nothing was recorded, or is not in yet. */
  readonly unrecorded: readonly ApiRange[];
  /** What is lacking of other hosts; absent where none are asked. */
  readonly incomplete?: readonly Incomplete[];
}

/** What an answer lacks of a host. */
export interface Incomplete {
  readonly host: string;
  /** Whether it answered, and only a part is lacking. */
  readonly answered: boolean;
  readonly reason: string;
}

/** Figures that add up. */
export interface Sums {
  readonly connections: number;
  readonly failures: number;
  readonly bytes_sent: number;
  readonly bytes_received: number;
  readonly segments_sent: number;
  readonly segments_received: number;
  readonly retransmits: number;
  /** Bytes a second, both ways. */
  readonly rate: number;
}

/** What a second has more, in the live stream. */
export interface SecondSums extends Omit<Sums, 'rate'> {
  /** When it begins. */
  readonly time: ApiTime;
}

/** Figures of a group; means are absent where nothing is known. */
export interface Measures extends Sums {
  readonly retransmit_ratio?: number;
  readonly handshake_us?: number;
  readonly srtt_us?: number;
  readonly duration_us?: number;
}

/** Values of fields by name; null: not known. */
export type Key = Readonly<Record<string, string | number | null>>;

/** Percentiles in the order in which they were asked for. */
export interface Percentiles {
  readonly handshake_us: readonly (number | null)[];
  readonly srtt_us: readonly (number | null)[];
  readonly duration_us: readonly (number | null)[];
}

/** A group of connections. */
export interface Group extends Measures {
  readonly key: Key;
  readonly percentiles?: Percentiles;
}

/** `groups`. */
export interface GroupsAnswer extends Coverage {
  readonly groups: readonly Group[];
  /** How many there are, of which the first are here. */
  readonly count: number;
  readonly total: Measures;
}

/** Figures of a step. */
export interface Point extends Measures {
  /** When the step begins. */
  readonly time: ApiTime;
}

/** `series`. Steps in which nothing was have no point. */
export interface SeriesAnswer extends Coverage {
  readonly step_seconds: number;
  readonly series: readonly { readonly key: Key; readonly points: readonly Point[] }[];
}

/** A node of the map. */
export interface MapNode extends Sums {
  readonly id: string;
  readonly kind: 'group' | 'address' | 'network';
  readonly name: string | null;
  /** The host of a group, where the map is of several. */
  readonly host?: string;
}

/** An edge of the map. */
export interface MapEdge extends Measures {
  /** Id of the node that connected. */
  readonly from: string;
  /** Id of the node that accepted. */
  readonly to: string;
  readonly port: number;
  /** When it was last seen. */
  readonly last: ApiTime;
}

/** `map`. */
export interface MapAnswer extends Coverage {
  readonly nodes: readonly MapNode[];
  readonly edges: readonly MapEdge[];
  readonly count: number;
}

/** In which way a group differs. */
export type Change = 'new' | 'gone' | 'slower' | 'more_failures' | 'more_bytes';

/** A group that differs. */
export interface Difference {
  readonly key: Key;
  readonly changes: readonly Change[];
  readonly now?: Measures;
  readonly before?: Measures;
}

/** `compare`. */
export interface CompareAnswer extends Coverage {
  readonly against: Coverage;
  readonly differences: readonly Difference[];
  readonly count: number;
}

/** An end of a connection. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
  readonly name?: string;
  readonly group?: string;
  readonly country?: string;
  readonly asn?: number;
  readonly as_org?: string;
}

/** The process of a connection. */
export interface ProcessDetails {
  readonly pid?: number;
  readonly tid?: number;
  readonly comm?: string;
  readonly uid?: number;
  readonly executable?: string;
  readonly command_line?: string;
  readonly container_id?: string;
  readonly container_runtime?: string;
  readonly container_name?: string;
  readonly pod_uid?: string;
  readonly pod_name?: string;
  readonly pod_namespace?: string;
  readonly unit?: string;
}

/** What an end of a connection moved, as far as it is known. */
export interface MovedCounters {
  readonly bytes_sent?: number;
  readonly bytes_received?: number;
  readonly segments_sent?: number;
  readonly segments_received?: number;
  readonly datagrams_sent?: number;
  readonly datagrams_received?: number;
  readonly retransmits?: number;
  readonly srtt_us?: number;
}

/** What a connection is. */
export interface ConnectionDetails extends MovedCounters {
  readonly host: string;
  readonly time: ApiTime;
  readonly monotonic_ns: number;
  readonly process?: ProcessDetails;
  readonly thread?: string;
  readonly netns?: number;
  readonly cgroup_id?: number;
  readonly network: { readonly transport: 'tcp' | 'udp'; readonly type: 'ipv4' | 'ipv6' };
  readonly local: Endpoint;
  readonly peer: Endpoint;
  readonly service?: string;
  readonly direction?: 'outbound' | 'inbound';
  readonly interface?: string;
  readonly interface_index?: number;
  readonly flow_id?: string;
  readonly connection_id?: string;
}

/** A connection that ended or failed. */
export interface EndedConnection extends ConnectionDetails {
  readonly event: 'close' | 'fail' | 'udp_flow';
  readonly cpu?: number;
  readonly duration_us?: number;
  readonly handshake_us?: number;
  readonly error?: string;
  readonly closed_by?: string;
  readonly closing_us?: number;
  readonly idle_us?: number;
  readonly subflows?: number;
  readonly accounted?: string;
  readonly candidates?: number;
  readonly filter?: string;
}

/** A connection that was open at a moment. */
export interface OpenConnection extends ConnectionDetails {
  readonly started?: ApiTime;
  readonly state?: string;
  readonly send_rate?: number;
  readonly receive_rate?: number;
}

/** `connections`. */
export interface ConnectionsAnswer extends Coverage {
  readonly connections: readonly EndedConnection[];
  /** The cursor of the next page. */
  readonly next?: string;
}

/** What an end of a connection moved in a span. */
export interface Interval extends MovedCounters {
  readonly host: string;
  /** The end of the span. */
  readonly time: ApiTime;
  readonly span_us: number;
  readonly local: Endpoint;
  readonly flow_id?: string;
}

/** `connections/ID`. */
export interface ConnectionAnswer extends Coverage {
  /** Its ends that have ended. */
  readonly connections: readonly EndedConnection[];
  /** The last look at its ends of which no end is known. */
  readonly open: readonly OpenConnection[];
  /** In order of time. */
  readonly intervals: readonly Interval[];
  /** Ends that belong together. */
  readonly joined: readonly Joined[];
}

/** A value as each end of a connection has it. */
export interface AtEnds<T> {
  readonly client?: T;
  readonly server?: T;
}

/** Bytes one way. */
export interface Carried {
  readonly sent?: number;
  readonly received?: number;
  /** Sent less received. */
  readonly missing?: number;
}

/** Which of the connections of an answer an end is. */
export interface EndPlace {
  readonly host: string;
  readonly local: { readonly address: string; readonly port: number };
  readonly flow_id?: string;
}

/** Two ends side by side. */
export interface Joined {
  readonly by: 'id' | 'addresses';
  readonly client: EndPlace;
  readonly server: EndPlace;
  readonly others: number;
  readonly translations: readonly {
    readonly of: 'client' | 'server';
    readonly part: 'address' | 'port';
    readonly own: string | number;
    readonly seen: string | number;
  }[];
  readonly to_server: Carried;
  readonly to_client: Carried;
  readonly retransmits: AtEnds<number>;
  readonly srtt_us: AtEnds<number>;
  readonly handshake_us: AtEnds<number>;
  readonly duration_us: AtEnds<number>;
  readonly closed_by: AtEnds<string>;
  readonly closer?: 'client' | 'server' | 'both';
  readonly clock_us: { readonly least?: number; readonly most?: number };
}

/** `open-at`. */
export interface OpenAtAnswer extends Coverage {
  readonly at: ApiTime;
  readonly count: number;
  readonly connections: readonly OpenConnection[];
}

/** A host and boot. */
export interface Host {
  readonly id: string;
  readonly first_seen: ApiTime;
  readonly name: string;
  /** What it is called where groups are by host. */
  readonly label: string;
  readonly machine_id?: string;
  readonly boot_id: string;
  readonly kernel?: string;
}

/** `hosts`. */
export interface HostsAnswer {
  readonly hosts: readonly Host[];
  readonly incomplete?: readonly Incomplete[];
}

/** What a token may do. */
export type Role = 'read' | 'sql' | 'admin';

/** `status`. */
export interface StatusAnswer {
  readonly version: string;
  /** Up to here everything is in the history. */
  readonly watermark?: ApiTime;
  readonly read_only: boolean;
  readonly collectors: number;
  /** Whether there is a balancer, or was one in what is kept. */
  readonly balancer: boolean;
  readonly limits: { readonly rows: number };
  /** Absent where nothing is shipped to ClickHouse. */
  readonly shipping?: {
    readonly target: string;
    readonly state: 'connecting' | 'shipping' | 'retrying';
    readonly waiting_segments: number;
    readonly waiting_rows: number;
    readonly shipped_rows: number;
    readonly lost_rows: number;
    readonly last?: ApiTime;
    readonly problem?: string;
  };
  /** Other hosts that are asked; absent where none are. */
  readonly peers?: readonly { readonly name: string; readonly host?: string; readonly problem?: string }[];
  /** The ClickHouse that is read; absent where the history is of this server. */
  readonly reading?: ReadingAnswer;
  readonly you: { readonly name: string; readonly role: Role };
}

/** A database that is read. */
export interface ReadingAnswer {
  readonly target: string;
  readonly state: 'connecting' | 'reading' | 'failing';
  readonly problem?: string;
}

/** `server`. */
export interface ServerAnswer {
  /** URLs of the API. */
  readonly listen: readonly string[];
  readonly record?: {
    readonly filter?: string;
    readonly udp: boolean;
    readonly enrichment: boolean;
    readonly names: boolean;
    readonly max_connections: number;
  };
  readonly retention?: { readonly seconds: number; readonly bytes: number };
  readonly reading?: ReadingAnswer;
  readonly limits: {
    readonly rows: number;
    readonly seconds: number;
    readonly queries: number;
    readonly waiting: number;
    readonly streams: number;
  };
  readonly history?: {
    readonly begins?: ApiTime;
    readonly segments: number;
    readonly segment_bytes: number;
    readonly database_bytes: number;
    readonly free_bytes: number;
  };
  readonly collectors: readonly {
    readonly version: string;
    readonly hooks?: readonly {
      readonly purpose: string;
      readonly hook?: string;
      readonly blind: readonly string[];
    }[];
    readonly problems?: readonly string[];
  }[];
}

/** `sql`. */
export interface SqlAnswer {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly unknown[])[];
  readonly truncated: boolean;
}

/** Answers to GET by path. */
export interface Answers {
  readonly groups: GroupsAnswer;
  readonly series: SeriesAnswer;
  readonly map: MapAnswer;
  readonly compare: CompareAnswer;
  readonly connections: ConnectionsAnswer;
  readonly 'open-at': OpenAtAnswer;
  readonly losses: Coverage;
  readonly hosts: HostsAnswer;
  readonly status: StatusAnswer;
  readonly server: ServerAnswer;
  readonly balancer: BalancerAnswer;
  readonly 'balancer/series': BalancerSeriesAnswer;
  readonly 'balancer/changes': BalancerChangesAnswer;
  readonly 'balancer/lookup': BalancerLookupAnswer;
}
