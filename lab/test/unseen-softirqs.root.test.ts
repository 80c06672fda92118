/** The count of network softirqs that no BPF program could see. */

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { it } from 'node:test';
import { UnseenSoftirqs } from '../src/suite/unseen-softirqs.js';

const DATAGRAMS = 200;

/** Sends datagrams over loopback, each of which raises the softirq. */
async function sendDatagrams(): Promise<void> {
  const [receiver, sender] = [createSocket('udp4'), createSocket('udp4')];
  try {
    receiver.bind(0, '127.0.0.1');
    await once(receiver, 'listening');
    for (let sent = 0; sent < DATAGRAMS; sent++) {
      const received = once(receiver, 'message');
      sender.send('x', receiver.address().port, '127.0.0.1');
      await received;
    }
  } finally {
    receiver.close();
    sender.close();
  }
}

it('network softirqs are seen, all of them on an ordinary kernel', async () => {
  using softirqs = new UnseenSoftirqs();
  await sendDatagrams();
  const unseen = softirqs.take();
  assert.ok(softirqs.seen + unseen >= DATAGRAMS, `${softirqs.seen} seen, ${unseen} unseen`);
  // This machine's own kernel may hide its first process; the lab's kernels hide nothing.
  if (process.env.WEIR_LAB_KERNEL !== undefined) assert.equal(unseen, 0);
  assert.ok(softirqs.seen > unseen);
});
