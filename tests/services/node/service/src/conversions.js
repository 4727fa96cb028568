// Their records, and the queue that they wait in.
const { DynamoDBClient } = require('@aws-sdk/client-dynamodb');
const { ChangeMessageVisibilityCommand, SQSClient, SendMessageCommand } = require('@aws-sdk/client-sqs');
const { DynamoDBDocumentClient, PutCommand, UpdateCommand } = require('@aws-sdk/lib-dynamodb');

const { QUEUE_URL: QueueUrl, TABLE: TableName } = process.env;
const sqs = new SQSClient();
const table = DynamoDBDocumentClient.from(new DynamoDBClient());

exports.store = (conversion, asked) => table.send(new PutCommand({ TableName, Item: { conversion, asked, state: 'WAITING' } }));

exports.mark = (conversion, state) =>
  table.send(
    new UpdateCommand({
      TableName,
      Key: { conversion },
      UpdateExpression: 'SET #state = :state',
      ExpressionAttributeNames: { '#state': 'state' },
      ExpressionAttributeValues: { ':state': state },
    }),
  );

exports.enqueue = (task) => sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(task) }));

exports.hide = ({ receiptHandle: ReceiptHandle }, seconds) =>
  sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: seconds }));
