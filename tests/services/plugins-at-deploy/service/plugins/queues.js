'use strict';

// Redrive and the visibility timeout of the work queue, which the template does not have.
module.exports = class Queues {
  constructor(serverless) {
    this.serverless = serverless;
    this.hooks = { 'before:deploy:deploy': () => this.redrive(), 'after:deploy:deploy': () => this.hide() };
  }

  redrive() {
    const { Tasks, DeadTasks } = this.serverless.service.provider.compiledCloudFormationTemplate.Resources;
    const deadLetterTargetArn = { 'Fn::GetAtt': ['DeadTasks', 'Arn'] };
    if (DeadTasks) Tasks.Properties = { RedrivePolicy: { deadLetterTargetArn, maxReceiveCount: 3 } };
  }

  async hide() {
    const provider = this.serverless.getProvider('aws');
    const { StackResourceDetail: tasks } = await provider.request('CloudFormation', 'describeStackResource', {
      StackName: provider.naming.getStackName(),
      LogicalResourceId: 'Tasks',
    });
    await provider.request('SQS', 'setQueueAttributes', {
      QueueUrl: tasks.PhysicalResourceId,
      Attributes: { VisibilityTimeout: '60' },
    });
  }
};
