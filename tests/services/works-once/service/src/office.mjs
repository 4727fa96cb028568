// Writes certificates, and says which could not be written.
import { createHash } from 'node:crypto';
import { ChangeMessageVisibilityCommand, SQSClient } from '@aws-sdk/client-sqs';
import { claim, note } from './register.mjs';

const { QUEUE_URL: QueueUrl } = process.env;
const MOST_ATTEMPTS = 3;
const sqs = new SQSClient();

const write = (number, attempt) => {
  if (createHash('sha256').update(`${number} ${attempt}`).digest()[0] < 60) throw new Error('the ink is dry');
};

export const work = async ({ Records }) => {
  const batchItemFailures = [];
  for (const { attributes, body, messageId, receiptHandle: ReceiptHandle } of Records) {
    const { number } = JSON.parse(body);
    const attempt = Number(attributes.ApproximateReceiveCount);
    if (!(await claim(number, messageId))) continue;
    try {
      write(number, attempt);
      await note(number, 'issued');
    } catch {
      await note(number, 'put back');
      await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 5 * attempt }));
      batchItemFailures.push({ itemIdentifier: messageId });
    }
  }
  return { batchItemFailures };
};

export const close = async ({ Records }) => {
  for (const { body } of Records) {
    const { number, holder } = JSON.parse(body);
    await note(number, 'never issued');
    console.log(JSON.stringify({ event: 'certificate-never-issued', number, holder, attempts: MOST_ATTEMPTS }));
  }
};
