'use strict';

// Sets the request rate that the API's stage accepts. serverless.yml can throttle a REST API only through usage plans and
// API keys; CloudFormation takes the same two numbers in the deployment's StageDescription:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-apigateway-deployment-stagedescription.html
// It reads custom.apiThrottling and knows nothing else of the service.

class ApiThrottling {
  constructor(serverless) {
    this.serverless = serverless;
    this.hooks = {
      // The deployment resource exists once events are compiled, and the template is not yet written.
      'before:package:finalize': () => this.throttleStage(),
    };
  }

  throttleStage() {
    const { service, classes } = this.serverless;
    const { rateLimit, burstLimit } = (service.custom && service.custom.apiThrottling) || {};
    if (!(rateLimit > 0) || !Number.isInteger(burstLimit) || burstLimit < 1) {
      throw new classes.Error(
        'Throttling the API: custom.apiThrottling in serverless.yml must have rateLimit (requests per second, above 0) ' +
          `and burstLimit (whole requests, at least 1); found ${JSON.stringify({ rateLimit, burstLimit })}.`
      );
    }

    const resources = service.provider.compiledCloudFormationTemplate.Resources;
    const deployments = Object.values(resources).filter(({ Type }) => Type === 'AWS::ApiGateway::Deployment');
    if (deployments.length !== 1) {
      throw new classes.Error(
        `Throttling the API: expected one AWS::ApiGateway::Deployment in the template, found ${deployments.length}. ` +
          'Adapt serverless/api-throttling.js to the API that serverless.yml now declares.'
      );
    }
    deployments[0].Properties.StageDescription = {
      ...deployments[0].Properties.StageDescription,
      ThrottlingRateLimit: rateLimit,
      ThrottlingBurstLimit: burstLimit,
    };
  }
}

module.exports = ApiThrottling;
