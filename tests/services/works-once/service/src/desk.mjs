// Takes requests for certificates in.
import { SQSClient, SendMessageCommand } from '@aws-sdk/client-sqs';
import { known, register } from './register.mjs';

const sqs = new SQSClient();
const answer = (statusCode, body) => ({ statusCode, body: JSON.stringify(body) });

const send = (wanted) =>
  sqs.send(new SendMessageCommand({ QueueUrl: process.env.QUEUE_URL, MessageBody: JSON.stringify(wanted) }));

const problemOf = (wanted) => {
  const { number, holder } = wanted ?? {};
  if (typeof number !== 'string' || number === '') return 'a number is missing';
  if (!(holder instanceof Object) || Array.isArray(holder)) return 'a holder is missing';
};

export const take = async ({ body, isBase64Encoded }) => {
  const text = isBase64Encoded ? Buffer.from(body, 'base64').toString() : body;
  if (text.length > 200_000) return answer(413, { problem: 'it is too long' });
  let wanted;
  try {
    wanted = JSON.parse(text);
  } catch {
    return answer(400, { problem: 'it is no JSON' });
  }
  const problem = problemOf(wanted);
  if (problem) return answer(400, { problem });
  const { number, holder } = wanted;
  const asked = JSON.stringify(holder);
  if (!(await register(number, asked))) {
    const before = await known(number);
    if (before.asked !== asked) return answer(409, { problem: 'the number is taken' });
    // Whoever registered it may have stopped short of sending it: until it is worked on, it is sent again.
    if (before.phase !== 'asked for') return answer(200, { number });
  }
  await send({ number, holder });
  return answer(202, { number });
};
