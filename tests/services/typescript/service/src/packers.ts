// Packs orders; what cannot be packed is tried again after a wait that doubles.
import { createHash } from 'node:crypto';
import { ChangeMessageVisibilityCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { Order } from './shape.ts';

interface Message {
  messageId: string;
  receiptHandle: string;
  body: string;
  attributes: { ApproximateReceiveCount: string };
}

const sqs = new SQSClient();

export const pack = async ({ Records }: { Records: Message[] }) => {
  const tried = await Promise.all(Records.map(async (message) => ((await packed(message)) ? [] : [message.messageId])));
  return { batchItemFailures: tried.flat().map((itemIdentifier) => ({ itemIdentifier })) };
};

export const giveBack = async ({ Records }: { Records: Message[] }): Promise<void> => {
  console.warn('given back: %d', Records.length);
};

async function packed(message: Message): Promise<boolean> {
  const { taskId } = JSON.parse(message.body) as Order;
  const attempt = Number(message.attributes.ApproximateReceiveCount);
  if (createHash('sha256').update(`${taskId} ${attempt}`).digest()[0] >= 100) return true;
  await sqs.send(
    new ChangeMessageVisibilityCommand({
      QueueUrl: process.env.QUEUE_URL,
      ReceiptHandle: message.receiptHandle,
      VisibilityTimeout: Number(process.env.FIRST_WAIT_SECONDS) * 2 ** (attempt - 1),
    }),
  );
  return false;
}
