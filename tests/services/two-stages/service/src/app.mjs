// Orders: checked, and then shipped, each behind a queue of its own.
import { createHash } from 'node:crypto';
import { SQSClient, SendMessageCommand } from '@aws-sdk/client-sqs';

const { CHECKS, SHIPMENTS } = process.env;
const sqs = new SQSClient();
const send = (QueueUrl, order) => sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(order) }));
const fails = (about, of256) => createHash('sha256').update(about).digest()[0] < of256;

const each = async (records, work) => {
  const batchItemFailures = [];
  for (const { attributes, body, messageId } of records) {
    try {
      await work(JSON.parse(body), attributes.ApproximateReceiveCount);
    } catch {
      batchItemFailures.push({ itemIdentifier: messageId });
    }
  }
  return { batchItemFailures };
};

export const take = async ({ body }) => {
  const order = JSON.parse(body);
  await send(CHECKS, order);
  return { statusCode: 202, body: JSON.stringify({ id: order.id }) };
};

export const check = ({ Records }) =>
  each(Records, async (order, attempt) => {
    if (fails(`check ${order.id} ${attempt}`, 90)) throw new Error('the price is not known');
    await send(SHIPMENTS, { ...order, checked: true });
  });

export const ship = ({ Records }) =>
  each(Records, async (order, attempt) => {
    if (fails(`ship ${order.id} ${attempt}`, 60)) throw new Error('no parcel at hand');
    console.log(`shipped ${order.id}`);
  });
