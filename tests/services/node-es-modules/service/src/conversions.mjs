// Their records, and the queue that they wait in.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { ChangeMessageVisibilityCommand, SQSClient, SendMessageCommand } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';

const { QUEUE_URL: QueueUrl, TABLE: TableName } = process.env;
const sqs = new SQSClient();
const table = DynamoDBDocumentClient.from(new DynamoDBClient());

export const store = (conversion, asked) => table.send(new PutCommand({ TableName, Item: { conversion, asked, state: 'WAITING' } }));

export const mark = (conversion, state) =>
  table.send(
    new UpdateCommand({
      TableName,
      Key: { conversion },
      UpdateExpression: 'SET #state = :state',
      ExpressionAttributeNames: { '#state': 'state' },
      ExpressionAttributeValues: { ':state': state },
    }),
  );

export const enqueue = (task) => sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(task) }));

export const hide = ({ receiptHandle: ReceiptHandle }, seconds) =>
  sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: seconds }));
