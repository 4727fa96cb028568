// Takes conversions in: stored first, then put on the queue.
import { enqueue, store } from './conversions.mjs';

export const submit = async (event) => {
  const { taskId, payload } = JSON.parse(event.body);
  await store(taskId, JSON.stringify(payload));
  await enqueue({ taskId, payload });
  return { statusCode: 202, body: JSON.stringify({ taskId }) };
};
