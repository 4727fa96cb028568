// Sends newsletters. One that cannot be sent waits for a while in the queue, each time longer.
const { createHash } = require('node:crypto');
const { ChangeMessageVisibilityCommand, SQSClient, SendMessageCommand } = require('@aws-sdk/client-sqs');

const QueueUrl = process.env.QUEUE_URL;
const sqs = new SQSClient();

exports.subscribe = async (event) => {
  const { taskId, payload } = JSON.parse(event.body);
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify({ taskId, payload }) }));
  return { statusCode: 202, body: JSON.stringify({ taskId }) };
};

exports.send = async (event) => {
  const batchItemFailures = [];
  for (const { messageId, receiptHandle: ReceiptHandle, body, attributes } of event.Records) {
    const { taskId } = JSON.parse(body);
    const attempt = Number(attributes.ApproximateReceiveCount);
    if (createHash('sha256').update(`${taskId} ${attempt}`).digest()[0] >= 100) continue;
    console.error(`${taskId} could not be sent, attempt ${attempt}`);
    await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 4 * attempt }));
    batchItemFailures.push({ itemIdentifier: messageId });
  }
  return { batchItemFailures };
};
