import { SQSClient, SendMessageCommand } from '@aws-sdk/client-sqs';
import { route } from './names';

const queue = new SQSClient({});

export const submit = async (event: { body: string }) => {
  await queue.send(new SendMessageCommand({ QueueUrl: process.env.QUEUE_URL, MessageBody: event.body }));
  return { statusCode: 202, body: JSON.stringify({ route }) };
};
