/** What routes work with. */
import type { ReadingStatus, ShippingStatus } from '@weir/history/clickhouse';
import type { BalancerHistory } from '../balancer/balancer-history.js';
import type { ServeConfig } from '../config/serve-schema.js';
import type { ExporterStatus } from '../exporters/index.js';
import type { FoundFlow, LookupRequest } from '../ingest/index.js';
import type { ConnectedCollector } from '../ingest/ingest-server.js';
import type { HistoryPart } from '../peers/history-part.js';
import type { LiveHub } from '../stream/live-hub.js';
import type { ApiHistory, ImportedFiles } from './history.js';

/** What requests may cost. */
export interface RequestLimits {
  /** Rows of an answer. */
  readonly rows: number;
  /** Milliseconds of a query. */
  readonly timeMs: number;
  /** Queries that run at the same time. */
  readonly queries: number;
  /** Queries that wait for those. */
  readonly waiting: number;
  /** Clients of the live stream. */
  readonly streams: number;
}

/** What a running server says about itself. */
export interface ServerStatus {
  /** Version of Weir. */
  readonly version: string;
  /** Number of collectors that are connected. */
  readonly collectors: number;
  /** What is sent elsewhere. */
  readonly exporters?: readonly ExporterStatus[];
  /** Absent where nothing is shipped. */
  readonly shipping?: ShippingStatus;
  /** The database of many hosts that is read; absent where the history is this server's own. */
  readonly reading?: ReadingStatus;
}

/** How a server was configured, and what its collectors see. */
export interface ServerDetails {
  /** URLs at which the API listens. */
  readonly listen: readonly string[];
  /** Absent where nothing is recorded. */
  readonly record?: ServeConfig['record'];
  /** How long it is kept: milliseconds, and bytes. Absent where nothing is. */
  readonly retention?: ServeConfig['retention'];
  /** The database that is read instead. */
  readonly reading?: ReadingStatus;
  readonly collectors: readonly ConnectedCollector[];
}

/** The balancers of the collectors' hosts. */
export interface BalancerServices {
  readonly history: Pick<
    BalancerHistory,
    'isKnown' | 'begins' | 'looked' | 'now' | 'at' | 'changes' | 'moved'
  >;
  /** Asks a balancer about a flow. @throws LookupError */
  lookUp(request: Omit<LookupRequest, 'id'>): Promise<FoundFlow>;
}

/** Another host that is asked. */
export interface PeerStatus {
  readonly name: string;
  /** The name of its host, once it has answered. */
  readonly host: string | undefined;
  /** Why it did not answer the last question; undefined where it did. */
  readonly problem: string | undefined;
}

/** What routes work with. */
export interface RouteServices {
  readonly history: ApiHistory;
  /** Absent where files cannot be imported. */
  readonly imports?: ImportedFiles;
  readonly limits: RequestLimits;
  readonly status: () => ServerStatus;
  /** Absent where there is no configuration. */
  readonly details?: () => ServerDetails;
  /** Absent where no collector says what balancers do. */
  readonly balancers?: BalancerServices;
  /** This server's own history, for other servers that ask this one. Absent where there is none. */
  readonly own?: HistoryPart;
  /** Other hosts that are asked. Default: none. */
  readonly peers?: readonly PeerStatus[];
  /** Absent where nothing is recorded. */
  readonly live?: LiveHub;
  /** Metrics in Prometheus' text format. Absent where nothing counts. */
  readonly metrics?: { text(): Promise<string> };
  /** A folder of the server's own for files that are sent or received. */
  readonly temporaryFolder: string;
}
