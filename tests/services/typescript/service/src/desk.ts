// Takes orders in: one that is accepted is on the queue.
import { SQSClient, SendMessageCommand } from '@aws-sdk/client-sqs';
import type { Order } from './shape.ts';

const sqs = new SQSClient();

export const takeIn = async (event: { body: string }) => {
  const order: Order = JSON.parse(event.body);
  await sqs.send(new SendMessageCommand({ QueueUrl: process.env.QUEUE_URL, MessageBody: JSON.stringify(order) }));
  return { statusCode: 202, body: JSON.stringify({ taskId: order.taskId }) };
};
