// Orders: taken in by an HTTP API, packed by a worker, given back after three tries.
import { ROUTE } from './src/shape.ts';

const queueOf = (name: string) => ({ 'Fn::GetAtt': [name, 'Arn'] });

export default {
  service: 'orders',
  frameworkVersion: '^4.0.0',
  org: 'a-shop',
  app: 'orders',
  plugins: ['serverless-offline'],
  provider: {
    name: 'aws',
    runtime: 'nodejs22.x',
    profile: 'orders',
    tracing: { lambda: true },
    environment: { QUEUE_URL: { Ref: 'Orders' }, FIRST_WAIT_SECONDS: '${param:firstWaitSeconds}' },
    iam: {
      role: {
        statements: [
          { Effect: 'Allow', Action: ['sqs:SendMessage', 'sqs:ChangeMessageVisibility'], Resource: queueOf('Orders') },
        ],
      },
    },
  },
  stages: { default: { params: { firstWaitSeconds: 4 } } },
  functions: {
    takeIn: { handler: 'src/desk.takeIn', timeout: 10, events: [{ httpApi: { method: 'post', path: ROUTE } }] },
    pack: {
      handler: 'src/packers.pack',
      timeout: 10,
      events: [{ sqs: { arn: queueOf('Orders'), batchSize: 10, functionResponseType: 'ReportBatchItemFailures' } }],
    },
    giveBack: { handler: 'src/packers.giveBack', timeout: 10, events: [{ sqs: { arn: queueOf('GivenBack'), batchSize: 10 } }] },
  },
  resources: {
    Resources: {
      Orders: {
        Type: 'AWS::SQS::Queue',
        Properties: {
          VisibilityTimeout: 60,
          RedrivePolicy: { deadLetterTargetArn: queueOf('GivenBack'), maxReceiveCount: 3 },
        },
      },
      GivenBack: { Type: 'AWS::SQS::Queue', Properties: { VisibilityTimeout: 60, MessageRetentionPeriod: 1209600 } },
    },
  },
};
