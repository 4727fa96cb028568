// Delivers, and lays aside what fails; the task itself has the number of its tries.
const { createHash } = require('node:crypto');
const { SQSClient, SendMessageCommand } = require('@aws-sdk/client-sqs');
const { isGivenUp } = require('./rules.js');

const { LATER_QUEUE_URL, DEAD_QUEUE_URL } = process.env;
const sqs = new SQSClient();
const send = (QueueUrl, task) => sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(task) }));

// By the task's id and the number of the attempt.
function deliver(taskId, tries) {
  if (createHash('sha256').update(`${taskId} ${tries}`).digest()[0] < 100) throw new Error(`nobody was there at try ${tries}`);
}

const again = (task, tries) => send(isGivenUp(tries) ? DEAD_QUEUE_URL : LATER_QUEUE_URL, { ...task, tries });

exports.work = async (event) => {
  const batchItemFailures = [];
  for (const message of event.Records) {
    const task = JSON.parse(message.body);
    const tries = (task.tries ?? 0) + 1;
    try {
      deliver(task.taskId, tries);
    } catch (error) {
      console.error('delivery %s:', task.taskId, error.message);
      // What cannot be sent stays where it is.
      await again({ ...task, why: error.message }, tries).catch(() => batchItemFailures.push({ itemIdentifier: message.messageId }));
    }
  }
  return { batchItemFailures };
};

exports.bury = async (event) => {
  for (const { body, attributes } of event.Records) {
    const task = JSON.parse(body);
    // SQS itself moved what the worker never gave an answer to.
    const { tries = Number(attributes.ApproximateReceiveCount) - 1, why = 'the worker was not there' } = task;
    console.log(JSON.stringify({ kind: 'delivery-given-up', delivery: task.taskId, asked: task.payload, tries, why }));
  }
};
