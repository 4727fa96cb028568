// What was laid aside for long enough goes back to the worker's queue, as it is.
const { SQSClient, SendMessageCommand } = require('@aws-sdk/client-sqs');

const sqs = new SQSClient();

exports.sendBack = async (event) => {
  const batchItemFailures = [];
  for (const { messageId, body } of event.Records) {
    await sqs
      .send(new SendMessageCommand({ QueueUrl: process.env.QUEUE_URL, MessageBody: body }))
      .catch(() => batchItemFailures.push({ itemIdentifier: messageId }));
  }
  return { batchItemFailures };
};
