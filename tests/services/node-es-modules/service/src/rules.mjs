// Which attempts fail, by the task's id and the attempt's number, and of what.
const { createHash } = await import('node:crypto');

export const MOST_ATTEMPTS = 3;

const ERRORS = ['the file is locked', 'no room on the disk', 'the other side hung up'];
const digest = (taskId, attempt) => createHash('sha256').update(`${taskId} ${attempt}`).digest();

export const errorOf = (taskId, attempt) => ERRORS[(digest(taskId, 0)[0] + attempt) % ERRORS.length];

export const convert = (taskId, number) => {
  if (digest(taskId, number)[0] < 100) throw new Error(errorOf(taskId, number));
};
