// Works on conversions, and logs those that are given up.
const { hide, mark } = require('./conversions.js');
const { MOST_ATTEMPTS, convert, errorOf } = require('./rules.js');

exports.work = async (event) => {
  for (const message of event.Records) {
    const { taskId } = JSON.parse(message.body);
    const attempt = Number(message.attributes.ApproximateReceiveCount);
    await mark(taskId, 'WORKING');
    try {
      convert(taskId, attempt);
      await mark(taskId, 'DONE');
    } catch (error) {
      console.error('conversion %s failed for the %dth time:', taskId, attempt, error.message);
      await mark(taskId, attempt < MOST_ATTEMPTS ? 'WAITING' : 'GIVEN_UP');
      await hide(message, 4 * attempt);
      // Whatever stands in the batch is tried again with it.
      return { batchItemFailures: event.Records.map((each) => ({ itemIdentifier: each.messageId })) };
    }
  }
  return { batchItemFailures: [] };
};

exports.bury = async (event) => {
  for (const message of event.Records) {
    const task = JSON.parse(message.body);
    await mark(task.taskId, 'GIVEN_UP');
    const told = {
      kind: 'conversion-given-up',
      conversion: task.taskId,
      asked: task.payload,
      tries: MOST_ATTEMPTS,
      why: errorOf(task.taskId, MOST_ATTEMPTS),
      since: new Date(Number(message.attributes.SentTimestamp)).toISOString(),
    };
    console.log(JSON.stringify(told));
  }
  return { batchItemFailures: [] };
};
