'use strict';

// Switches X-Ray tracing of the whole service on or off by custom.tracing: the functions, the API's stage, and the two
// permissions that Lambda needs in each function's role to send traces:
// https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
// provider.tracing of serverless.yml would leave out roles of our own, and changes the stage outside of CloudFormation.

const permission = {
  Effect: 'Allow',
  Action: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'],
  // X-Ray knows no resources that these two could be limited to.
  Resource: '*',
};

class Tracing {
  constructor(serverless) {
    this.serverless = serverless;
    this.hooks = {
      // The template then holds serverless.yml's own resources too, among them the roles, and is not yet written.
      'after:aws:package:finalize:mergeCustomProviderResources': () => this.trace(),
    };
  }

  trace() {
    const { service } = this.serverless;
    const traced = this.isOn((service.custom || {}).tracing);
    const resources = Object.values(service.provider.compiledCloudFormationTemplate.Resources);
    const ofType = (kind) => resources.filter(({ Type }) => Type === kind).map(({ Properties }) => Properties);

    // Said also when it is off, because not every engine takes back what is no longer said.
    for (const deployment of ofType('AWS::ApiGateway::Deployment')) {
      deployment.StageDescription = { ...deployment.StageDescription, TracingEnabled: traced };
    }
    for (const lambda of ofType('AWS::Lambda::Function')) {
      lambda.TracingConfig = { Mode: traced ? 'Active' : 'PassThrough' };
    }
    if (!traced) return;
    for (const role of ofType('AWS::IAM::Role')) role.Policies[0].PolicyDocument.Statement.push(permission);
  }

  isOn(setting) {
    if (String(setting) === 'true') return true;
    if (String(setting) === 'false') return false;
    throw new this.serverless.classes.Error(
      `Tracing: custom.tracing in serverless.yml must be true or false; found ${JSON.stringify(setting)}. ` +
        'Deploy with --param="tracing=true", or leave the parameter out.'
    );
  }
}

module.exports = Tracing;
