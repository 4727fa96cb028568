import { createHash } from 'node:crypto';
import { DeleteMessageBatchCommand, SQSClient, SendMessageCommand } from '@aws-sdk/client-sqs';

const { QUEUE_URL: QueueUrl } = process.env;
const sqs = new SQSClient();

export const take = async ({ body }) => {
  const { id } = JSON.parse(body);
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: body }));
  return { statusCode: 202, body: JSON.stringify({ id }) };
};

export const deliver = async ({ Records }) => {
  const done = [];
  for (const { attributes, body, messageId, receiptHandle } of Records) {
    const drawn = createHash('sha256').update(`${JSON.parse(body).id} ${attributes.ApproximateReceiveCount}`).digest()[0];
    if (drawn >= 70) done.push({ Id: messageId, ReceiptHandle: receiptHandle });
  }
  if (done.length < Records.length) {
    if (done.length > 0) await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries: done }));
    throw new Error(`${Records.length - done.length} could not be delivered`);
  }
};
