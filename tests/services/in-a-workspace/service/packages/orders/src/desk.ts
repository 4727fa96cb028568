import { randomUUID } from 'node:crypto';
import { SQSClient, SendMessageCommand } from '@aws-sdk/client-sqs';
import { written } from '@workshop/messages';
import { answer } from '../../../lib/answers';

const queue = new SQSClient({});

export const place = async (event: { body?: string }) => {
  const orderId = randomUUID();
  const MessageBody = written({ orderId, order: JSON.parse(event.body ?? '{}'), status: 'ACCEPTED' });
  await queue.send(new SendMessageCommand({ QueueUrl: process.env.QUEUE_URL, MessageBody }));
  return answer(202, { orderId, status: 'ACCEPTED' });
};
