// Sends newsletters. One that cannot be sent waits for a while in the queue, each time longer.
const { createHash } = require('crypto');
const AWS = require('aws-sdk');

const QueueUrl = process.env.QUEUE_URL;
const sqs = new AWS.SQS();

exports.subscribe = (event, context, callback) => {
  const { taskId, payload } = JSON.parse(event.body);
  sqs.sendMessage({ QueueUrl, MessageBody: JSON.stringify({ taskId, payload }) }, (error) => {
    if (error) callback(error);
    else callback(null, { statusCode: 202, body: JSON.stringify({ taskId }) });
  });
};

exports.send = (event, context, callback) => {
  const batchItemFailures = [];
  const next = ([letter, ...others]) => {
    if (!letter) return callback(null, { batchItemFailures });
    const { taskId } = JSON.parse(letter.body);
    const attempt = Number(letter.attributes.ApproximateReceiveCount);
    if (createHash('sha256').update(`${taskId} ${attempt}`).digest()[0] >= 100) return next(others);
    console.error(`${taskId} could not be sent, attempt ${attempt}`);
    const wait = { QueueUrl, ReceiptHandle: letter.receiptHandle, VisibilityTimeout: 4 * attempt };
    sqs.changeMessageVisibility(wait, (error) => {
      if (error) return callback(error);
      batchItemFailures.push({ itemIdentifier: letter.messageId });
      next(others);
    });
  };
  next(event.Records);
};
