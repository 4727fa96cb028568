'use strict';

// What an alarm does when its state changes: it tells the topic of --param="alarmTopicArn=…", or nobody when there is none.

module.exports = async ({ resolveVariable }) => {
  const topic = await resolveVariable("param:alarmTopicArn, ''");
  if (!topic) return [];
  if (!/^arn:[a-z-]+:sns:[a-z0-9-]+:\d{12}:[\w.-]+$/.test(topic)) {
    const message =
      'Alarms: the parameter alarmTopicArn must be the ARN of an SNS topic, such as ' +
      `arn:aws:sns:eu-central-1:123456789012:alarms; found ${JSON.stringify(topic)}.`;
    // The CLI prints the stack, which would bury the message.
    throw Object.assign(new Error(message), { stack: message });
  }
  return [topic];
};
