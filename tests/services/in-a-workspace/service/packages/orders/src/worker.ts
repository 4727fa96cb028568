import { randomUUID } from 'node:crypto';
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { read } from '@workshop/messages';

const table = new DynamoDBClient({});

interface Message { messageId: string; body: string }

export const make = async (event: { Records: Message[] }) => {
  const failed: { itemIdentifier: string }[] = [];
  for (const record of event.Records) {
    try {
      const { orderId, order } = read(record.body);
      await table.send(new PutItemCommand({
        TableName: process.env.TABLE,
        Item: { made: { S: randomUUID() }, of: { M: { orderId: { S: orderId }, order: { S: JSON.stringify(order) } } } },
      }));
    } catch (error) {
      console.error(record.messageId, error);
      failed.push({ itemIdentifier: record.messageId });
    }
  }
  return { batchItemFailures: failed };
};
