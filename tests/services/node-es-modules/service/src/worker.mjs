// Works on conversions, all of a batch at once, and logs those that are given up.
import { hide, mark } from './conversions.mjs';
import { MOST_ATTEMPTS, convert, errorOf } from './rules.mjs';

const failed = async (message) => {
  const { taskId } = JSON.parse(message.body);
  const attempt = Number(message.attributes.ApproximateReceiveCount);
  await mark(taskId, 'WORKING');
  try {
    convert(taskId, attempt);
    await mark(taskId, 'DONE');
    return [];
  } catch (error) {
    console.error('conversion %s failed for the %dth time:', taskId, attempt, error);
    await mark(taskId, attempt < MOST_ATTEMPTS ? 'WAITING' : 'GIVEN_UP');
    await hide(message, 4 * attempt);
    return [{ itemIdentifier: message.messageId }];
  }
};

export const work = async ({ Records }) => ({ batchItemFailures: (await Promise.all(Records.map(failed))).flat() });

export const bury = async ({ Records }) => {
  for (const message of Records) {
    const task = JSON.parse(message.body);
    await mark(task.taskId, 'GIVEN_UP');
    console.log({
      kind: 'conversion-given-up',
      conversion: task.taskId,
      asked: task.payload,
      tries: MOST_ATTEMPTS,
      why: errorOf(task.taskId, MOST_ATTEMPTS),
      since: new Date(Number(message.attributes.SentTimestamp)).toISOString(),
    });
  }
  return { batchItemFailures: [] };
};
