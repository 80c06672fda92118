/** A receiver of OTLP's logs and metrics, which are read by protoc. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';

/** The numbers of opentelemetry-proto, of what is asked here. */
const schema = `syntax = "proto3";
message Logs { repeated LogResource resources = 1; }
message LogResource { repeated LogScope scopes = 2; }
message LogScope { repeated Log logs = 2; }
message Log { repeated Pair pairs = 6; string event = 12; }
message Metrics { repeated MetricResource resources = 1; }
message MetricResource { repeated MetricScope scopes = 2; }
message MetricScope { repeated Metric metrics = 2; }
message Metric { string name = 1; Points gauge = 5; Points sum = 7; }
message Points { repeated Point points = 1; }
message Point { repeated Pair pairs = 7; double value = 4; }
message Pair { string key = 1; Value value = 2; }
message Value { oneof value { string text = 1; int64 whole = 3; double number = 4; } }
`;

/** Attributes of a log record, as text. */
export type LogPairs = ReadonlyMap<string, string>;

/** Takes requests while it is started. */
export class OtlpReceiver {
  readonly #folder: string;
  readonly #logs: Buffer[] = [];
  #metrics: Buffer | undefined;
  #server = createServer();
  port = 0;
  requests = 0;

  /** @param folder For a file that protoc reads. */
  constructor(folder: string) {
    this.#folder = folder;
    writeFileSync(join(folder, 'otlp.proto'), schema);
  }

  /** Listens, at the same port each time. */
  async start(): Promise<void> {
    this.#server = createServer(async (request, response) => {
      const body = gunzipSync(await buffer(request));
      if (request.url === '/v1/metrics') this.#metrics = body;
      else {
        this.requests++;
        this.#logs.push(body);
      }
      response.end();
    });
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
  }

  /** Ends, with its connections. */
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #decode(message: string, input: Buffer): string {
    const args = [`--decode=${message}`, `--proto_path=${this.#folder}`, 'otlp.proto'];
    return execFileSync('protoc', args, { input, maxBuffer: 2 ** 28 }).toString();
  }

  /** The sums of all points of each metric that is none of histograms, of the last metrics that came. */
  metrics(): ReadonlyMap<string, number> {
    const metrics = this.#decode('Metrics', this.#metrics ?? Buffer.alloc(0)).split(/^ +metrics \{$/m);
    return new Map(
      metrics.slice(1).map((metric) => {
        const values = [...metric.matchAll(/^ +value: (\S+)$/gm)].map(([, value]) => Number(value));
        return [/name: "([^"]+)"/.exec(metric)![1]!, values.reduce((sum, value) => sum + value, 0)];
      }),
    );
  }

  /** All records so far. Requests one after the other are one that has the records of all. */
  logs(): LogPairs[] {
    const text = this.#decode('Logs', Buffer.concat(this.#logs));
    const pair = /key: "([^"]+)"\s+value \{\s+(?:text: "((?:[^"\\]|\\.)*)"|whole: (-?\d+)|number: (\S+))/g;
    return text
      .split(/^ +logs \{$/m)
      .slice(1)
      .map(
        (log) =>
          new Map([...log.matchAll(pair)].map(([, key, ...values]) => [key!, values.find(Boolean) ?? ''])),
      );
  }
}
