/** Programs of a small shop that talk to each other, until they are killed: traffic for pictures. */
import { spawn } from 'node:child_process';
import { createServer, get } from 'node:http';
import { fileURLToPath } from 'node:url';

const [, script, name, ...rest] = process.argv;

/** Where each program listens, how long it takes, and how much it sends. */
const servers = [
  { name: 'shop-api', address: '10.1.0.1', port: 8080, ms: 5, bytes: 8_000 },
  { name: 'search', address: '10.1.0.2', port: 9200, ms: 30, bytes: 40_000 },
  { name: 'postgres', address: '10.1.0.3', port: 5432, ms: 2, bytes: 3_000 },
  { name: 'redis', address: '10.1.0.4', port: 6379, ms: 1, bytes: 400 },
  { name: 'billing', address: '10.1.0.5', port: 8443, ms: 80, bytes: 1_200 },
  { name: 'images', address: '10.1.0.8', port: 9000, ms: 10, bytes: 90_000 },
];

/** Targets of each program, and after how many milliseconds it asks the next one. Nothing listens at 10.1.0.6, 10.1.0.7 and 10.1.0.9. */
const clients = [
  { name: 'envoy', ms: 120, targets: ['10.1.0.1:8080', '10.1.0.8:9000'] },
  { name: 'shop-api', ms: 150, targets: ['10.1.0.3:5432', '10.1.0.4:6379', '10.1.0.2:9200'] },
  { name: 'cron-report', ms: 900, targets: ['10.1.0.3:5432', '10.1.0.9:5433'] },
  { name: 'checkout', ms: 700, targets: ['10.1.0.5:8443', '10.1.0.4:6379', '10.1.0.6:8443'] },
  { name: 'prometheus', ms: 1_000, targets: ['10.1.0.1:8080', '10.1.0.2:9200', '10.1.0.8:9000'] },
  { name: 'backup', ms: 2_500, targets: ['10.1.0.3:5432', '10.1.0.7:21'] },
];

/** Addresses that the traffic needs. */
export const addresses = Array.from({ length: 9 }, (_, index) => `10.1.0.${index + 1}`);

function serve({ name: title, address, port, ms, bytes }) {
  process.title = title;
  createServer((_, response) => {
    setTimeout(() => response.end(Buffer.alloc(Math.random() * 2 * bytes, 'x')), Math.random() * 2 * ms);
  }).listen(port, address);
}

function ask({ name: title, ms, targets }) {
  process.title = title;
  let count = 0;
  const again = () => {
    const [host, port] = targets[count++ % targets.length].split(':');
    // More and less in the course of minutes, as in the course of days.
    const burst = 1 + Math.floor(Math.abs(Math.sin(Date.now() / 60_000)) * 3);
    for (let index = 0; index < burst; index++)
      get({ host, port, agent: false }, (response) => response.resume()).on('error', () => {});
    setTimeout(again, ms * (0.5 + Math.random()));
  };
  again();
}

if (script === fileURLToPath(import.meta.url)) {
  const options = rest[0] === undefined ? undefined : JSON.parse(rest[0]);
  if (name === 'serve') serve(options);
  else if (name === 'ask') ask(options);
  else {
    const start = (...args) => spawn(process.execPath, [script, ...args], { stdio: 'ignore' });
    const children = [
      ...servers.map((each) => start('serve', JSON.stringify(each))),
      ...clients.map((each) => start('ask', JSON.stringify(each))),
    ];
    process.on('SIGTERM', () => {
      for (const child of children) child.kill();
      process.exit();
    });
  }
}
