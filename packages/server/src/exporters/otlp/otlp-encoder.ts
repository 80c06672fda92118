/** Requests of OTLP, by OpenTelemetry's own serializers. */
import type { HrTime } from '@opentelemetry/api';
import type {
  IExportLogsServiceResponse,
  IExportMetricsServiceResponse,
  ISerializer,
} from '@opentelemetry/otlp-transformer';
import type { ExportedRecord } from '../exported-record.js';
import { logAttributes } from './log-attributes.js';
import type { ResourceAttributes } from './otlp-resource.js';

type Library = typeof import('@opentelemetry/otlp-transformer');
type LogRecord = Parameters<Library['ProtobufLogsSerializer']['serializeRequest']>[0][number];
/** Metrics of a resource, as OpenTelemetry's SDK has them. */
export type ResourceMetrics = Parameters<Library['ProtobufMetricsSerializer']['serializeRequest']>[0];

let loaded: Library | undefined;

/** Loads the serializers: before a process becomes a user who may not read its files. */
export async function loadOtlp(): Promise<Library> {
  loaded ??= await import('@opentelemetry/otlp-transformer');
  return loaded;
}

/** The numbers of severities. */
const INFO = 9;
const WARN = 13;
/** The name of each attribute, process and value that is not a field of `@opentelemetry` itself begins with this. */
const SCOPE_NAME = 'weir';

/** A time of OpenTelemetry. @param ns Nanoseconds since 1970. */
export function hrTimeOf(ns: bigint): HrTime {
  return [Number(ns / 1_000_000_000n), Number(ns % 1_000_000_000n)];
}

/** Makes requests about one resource. */
export class OtlpEncoder {
  readonly #library: Library;
  readonly #resource: LogRecord['resource'];
  readonly #scope: { readonly name: string; readonly version: string };

  constructor(library: Library, attributes: ResourceAttributes, version: string) {
    this.#library = library;
    // The serializers read no other member.
    this.#resource = { attributes } as unknown as LogRecord['resource'];
    // One object for all: records are grouped by its identity.
    this.#scope = { name: SCOPE_NAME, version };
  }

  /** A request with records as logs. @param observedNs When they were seen, nanoseconds since 1970. */
  logs(records: readonly ExportedRecord[], observedNs: bigint): Uint8Array {
    const hrTimeObserved = hrTimeOf(observedNs);
    const logs = records.map(
      (record): LogRecord => ({
        hrTime: hrTimeOf(record.timeNs),
        hrTimeObserved,
        severityNumber: record.isProblem ? WARN : INFO,
        severityText: record.isProblem ? 'WARN' : 'INFO',
        eventName: `weir.${record.event}`,
        body: record.text,
        resource: this.#resource,
        instrumentationScope: this.#scope,
        attributes: logAttributes(record),
        droppedAttributesCount: 0,
      }),
    );
    return encoded(this.#library.ProtobufLogsSerializer.serializeRequest(logs));
  }

  /** A request with metrics. */
  metrics(metrics: ResourceMetrics['scopeMetrics'][number]['metrics']): Uint8Array {
    const request = { resource: this.#resource, scopeMetrics: [{ scope: this.#scope, metrics }] };
    return encoded(this.#library.ProtobufMetricsSerializer.serializeRequest(request));
  }

  /** What an answer to logs says of records that were refused. */
  refusedLogs(answer: Uint8Array): Refused {
    const { partialSuccess } = parsed<IExportLogsServiceResponse>(
      this.#library.ProtobufLogsSerializer,
      answer,
    );
    return refusedOf(partialSuccess?.rejectedLogRecords, partialSuccess?.errorMessage);
  }

  /** The same of metrics. */
  refusedPoints(answer: Uint8Array): Refused {
    const { partialSuccess } = parsed<IExportMetricsServiceResponse>(
      this.#library.ProtobufMetricsSerializer,
      answer,
    );
    return refusedOf(partialSuccess?.rejectedDataPoints, partialSuccess?.errorMessage);
  }
}

/** What a receiver did not want of a request. */
export interface Refused {
  readonly refused: number;
  readonly message?: string;
}

function encoded(bytes: Uint8Array | undefined): Uint8Array {
  if (bytes === undefined) throw new Error('OpenTelemetry made no request of the records');
  return bytes;
}

/** An answer that makes no sense says nothing: the status said that the request arrived. */
function parsed<Answer>(serializer: ISerializer<never, Answer>, answer: Uint8Array): Partial<Answer> {
  if (answer.length === 0) return {};
  try {
    return serializer.deserializeResponse(answer);
  } catch {
    return {};
  }
}

function refusedOf(count: unknown, message: string | undefined): Refused {
  const refused = Number(count ?? 0);
  return {
    refused: Number.isSafeInteger(refused) && refused > 0 ? refused : 0,
    ...(message && { message }),
  };
}
