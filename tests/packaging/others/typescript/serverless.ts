import { route } from './src/names';

const configuration = {
  service: 'parcels',
  org: 'somebody',
  app: 'parcels',
  frameworkVersion: '4',
  plugins: ['serverless-offline'],
  custom: { other: '${self:provider.profile}' },
  provider: {
    name: 'aws', runtime: 'nodejs22.x', region: 'us-east-2', profile: 'somebody', deploymentBucket: 'parcels-deployments',
    tracing: { lambda: true },
    environment: { QUEUE_URL: { Ref: 'Tasks' }, LIMIT: '${param:limit}', WHERE: '${self:provider.region}' },
  },
  stages: { default: { params: { limit: '5' } }, prod: { params: { limit: '9' }, observability: true } },
  functions: {
    submit: { handler: 'src/api.submit', package: { patterns: ['!**', 'words/**'] }, events: [{ httpApi: { method: 'post', path: route } }] },
    work: { handler: 'src/work.handler', vpc: { subnetIds: ['a'], securityGroupIds: ['b'] }, events: [{ sqs: { arn: { 'Fn::GetAtt': ['Tasks', 'Arn'] } } }] },
  },
  resources: { Resources: { Tasks: { Type: 'AWS::SQS::Queue' } } },
};

module.exports = configuration;
