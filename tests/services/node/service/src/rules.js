// Which attempts fail, by the task's id and the attempt's number, and of what.
const { createHash } = require('node:crypto');

exports.MOST_ATTEMPTS = 3;

const ERRORS = ['the file is locked', 'no room on the disk', 'the other side hung up'];
const digest = (taskId, attempt) => createHash('sha256').update(`${taskId} ${attempt}`).digest();

exports.errorOf = (taskId, attempt) => ERRORS[(digest(taskId, 0)[0] + attempt) % ERRORS.length];

exports.convert = (taskId, number) => {
  if (digest(taskId, number)[0] < 100) throw new Error(exports.errorOf(taskId, number));
};
