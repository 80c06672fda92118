/** A receiver of OTLP's logs, which are read by protoc. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';

/** The numbers of opentelemetry-proto, of what is asked here. */
const schema = `syntax = "proto3";
message Request { repeated Resource resources = 1; }
message Resource { repeated Scope scopes = 2; }
message Scope { repeated Log logs = 2; }
message Log { repeated Pair pairs = 6; string event = 12; }
message Pair { string key = 1; Value value = 2; }
message Value { oneof value { string text = 1; int64 whole = 3; double number = 4; } }
`;

/** Attributes of a log record, as text. */
export type LogPairs = ReadonlyMap<string, string>;

/** Takes requests while it is started. */
export class LogReceiver {
  readonly #schemaFile: string;
  readonly #bodies: Buffer[] = [];
  #server = createServer();
  port = 0;
  requests = 0;

  /** @param folder For a file that protoc reads. */
  constructor(folder: string) {
    this.#schemaFile = join(folder, 'logs.proto');
    writeFileSync(this.#schemaFile, schema);
  }

  /** Listens, at the same port each time. */
  async start(): Promise<void> {
    this.#server = createServer(async (request, response) => {
      this.requests++;
      this.#bodies.push(gunzipSync(await buffer(request)));
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

  /** All records so far. Requests one after the other are one that has the records of all. */
  logs(): LogPairs[] {
    const args = [
      '--decode=Request',
      `--proto_path=${dirname(this.#schemaFile)}`,
      basename(this.#schemaFile),
    ];
    const input = Buffer.concat(this.#bodies);
    const text = execFileSync('protoc', args, { input, maxBuffer: 2 ** 28 }).toString();
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
