// Takes deliveries in: one that is accepted is on the queue.
const { SQSClient, SendMessageCommand } = require('@aws-sdk/client-sqs');

const sqs = new SQSClient();

exports.submit = async (event) => {
  const { taskId, payload } = JSON.parse(event.body);
  await sqs.send(new SendMessageCommand({ QueueUrl: process.env.QUEUE_URL, MessageBody: JSON.stringify({ taskId, payload }) }));
  return { statusCode: 202, body: JSON.stringify({ taskId }) };
};
