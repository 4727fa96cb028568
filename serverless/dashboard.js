'use strict';

// The operator's dashboard: alarms and tasks at the top, then queues, functions and the API, the latest dead letters last.
// CloudWatch takes it as one text of JSON, which is why it is no YAML:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html

const WIDTH = 24;
const HEIGHT = 6;
const FUNCTIONS = ['submitTask', 'getTask', 'processTask', 'monitorDLQ'];
const ALARMS = [
  'DeadLetterAlarm',
  'WaitingDeadLetterAlarm',
  'OldestTaskAlarm',
  'ApiAlarm',
  'SubmitTaskAlarm',
  'GetTaskAlarm',
  'ProcessTaskAlarm',
  'MonitorDLQAlarm',
];

module.exports = async ({ resolveVariable }) => {
  const [service, stage, queue, deadLetterQueue] = await Promise.all(
    ['self:service', 'self:custom.stage', 'self:custom.queueName', 'self:custom.deadLetterQueueName'].map(resolveVariable)
  );
  const task = (name, label, options = {}) => ['TaskGuard', name, 'service', service, 'stage', stage, { label, ...options }];
  const sqs = (name, queueName, label, stat) => ['AWS/SQS', name, 'QueueName', queueName, { label, stat }];
  const lambda = (name, options = {}) =>
    FUNCTIONS.map((f) => ['AWS/Lambda', name, 'FunctionName', `${service}-${stage}-${f}`, { label: f, ...options }]);
  const api = (name, label, options = {}) => {
    const of = ['ApiName', `${stage}-${service}`, 'Stage', stage];
    return ['AWS/ApiGateway', name, ...of, { label, ...options }];
  };

  const rows = [
    [alarms('Alarms')],
    [
      graph('Tasks', [
        task('TasksSubmitted', 'submitted'),
        task('TasksCompleted', 'completed'),
        task('TasksDeadLettered', 'dead-lettered', { color: '#d62728' }),
      ]),
      graph('Attempts', [task('FirstAttemptFailures', 'first attempts that failed'), task('Retries', 'retries')]),
      graph('Time from submission to the end, in ms', [
        task('TimeToSettle', 'median', { stat: 'p50' }),
        task('TimeToSettle', '90 %', { stat: 'p90' }),
        task('TimeToSettle', '99 %', { stat: 'p99' }),
      ]),
    ],
    [
      graph(queue, [
        sqs('ApproximateNumberOfMessagesVisible', queue, 'waiting', 'Maximum'),
        sqs('ApproximateNumberOfMessagesNotVisible', queue, 'under way or backing off', 'Maximum'),
      ]),
      graph(`Age of the oldest message in ${queue}, in s`, [
        sqs('ApproximateAgeOfOldestMessage', queue, 'seconds', 'Maximum'),
      ]),
      graph(deadLetterQueue, [
        sqs('ApproximateNumberOfMessagesVisible', deadLetterQueue, 'waiting for monitorDLQ', 'Maximum'),
        sqs('NumberOfMessagesReceived', deadLetterQueue, 'received by monitorDLQ', 'Sum'),
      ]),
    ],
    [
      graph('Functions: errors', lambda('Errors')),
      graph('Functions: throttles', lambda('Throttles')),
      graph('Functions: duration, 99 %, in ms', lambda('Duration', { stat: 'p99' })),
    ],
    [
      graph('API: requests', [
        api('Count', 'all'),
        api('4XXError', 'refused (4xx)'),
        api('5XXError', 'failed (5xx)', { color: '#d62728' }),
      ]),
      graph('API: latency, in ms', [api('Latency', 'median', { stat: 'p50' }), api('Latency', '99 %', { stat: 'p99' })]),
      latest('Latest dead letters', `/aws/lambda/${service}-${stage}-monitorDLQ`),
    ],
  ];
  return { 'Fn::Sub': JSON.stringify({ start: '-PT3H', widgets: rows.flatMap(placed) }) };
};

// The widgets of a row share its width.
function placed(row, y) {
  const width = WIDTH / row.length;
  return row.map((widget, x) => ({ ...widget, x: x * width, y: y * HEIGHT, width, height: HEIGHT }));
}

function graph(title, metrics) {
  const properties = { title, metrics, region: '${AWS::Region}', stat: 'Sum', period: 60, view: 'timeSeries' };
  return { type: 'metric', properties: { ...properties, yAxis: { left: { min: 0 } } } };
}

function alarms(title) {
  return { type: 'alarm', properties: { title, alarms: ALARMS.map((name) => `\${${name}.Arn}`) } };
}

function latest(title, group) {
  const query = [
    `SOURCE '${group}'`,
    'filter event = "TASK_DEAD_LETTER"',
    'fields @timestamp, taskId, attempts, lastError',
    'sort @timestamp desc',
    'limit 20',
  ].join(' | ');
  return { type: 'log', properties: { title, query, region: '${AWS::Region}', view: 'table' } };
}
