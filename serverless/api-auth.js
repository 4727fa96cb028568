'use strict';

// Lets in the API's clients by custom.apiAuth: none (everybody), apiKey, or iam (whoever signs with a role or user that may
// invoke it); where that is empty, api-auth-default.js decides. For apiKey it makes a key for each name in custom.apiKeys, and the
// usage plan that ties them to the stage:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-setup-api-key-with-console.html
// provider.apiGateway.apiKeys of serverless.yml cannot be switched by a setting, and the CLI prints such keys after a deploy.
// It knows the outputs that it adds, and nothing else of the service.

const defaultMode = require('./api-auth-default.js');

const MODES = ['none', 'apiKey', 'iam'];

class ApiAuth {
  constructor(serverless) {
    this.serverless = serverless;
    this.hooks = {
      // The template then holds the API's methods, its deployment and serverless.yml's own outputs, and is not yet written.
      'after:aws:package:finalize:mergeCustomProviderResources': () => this.protect(),
    };
  }

  protect() {
    const { service } = this.serverless;
    const mode = this.mode((service.custom || {}).apiAuth || this.defaultMode());
    const { Resources, Outputs } = service.provider.compiledCloudFormationTemplate;
    const ofType = (kind) => Object.entries(Resources).filter(([, { Type }]) => Type === kind);

    // Said also when it is open, because not every engine takes back what is no longer said.
    for (const [, { Properties }] of ofType('AWS::ApiGateway::Method')) {
      Properties.AuthorizationType = mode === 'iam' ? 'AWS_IAM' : 'NONE';
      Properties.ApiKeyRequired = mode === 'apiKey';
    }
    Outputs.ApiAuth = { Description: 'How the API lets its clients in: none, apiKey or iam.', Value: mode };
    if (mode !== 'apiKey') return;

    const [[api]] = ofType('AWS::ApiGateway::RestApi');
    const [[deployment, { Properties }]] = ofType('AWS::ApiGateway::Deployment');
    const plan = 'ApiUsagePlan';
    Resources[plan] = {
      Type: 'AWS::ApiGateway::UsagePlan',
      // The stage comes with its deployment.
      DependsOn: deployment,
      Properties: {
        UsagePlanName: `${service.service}-${Properties.StageName}`,
        ApiStages: [{ ApiId: { Ref: api }, Stage: Properties.StageName }],
      },
    };
    const keys = this.names(service.custom.apiKeys).map((name) => {
      const key = `ApiKey${capitalised(name)}`;
      Resources[key] = {
        Type: 'AWS::ApiGateway::ApiKey',
        // CloudFormation makes up the value, which is in no template and no output.
        Properties: { Name: `${service.service}-${Properties.StageName}-${name}`, Enabled: true },
      };
      Resources[`${key}InPlan`] = {
        Type: 'AWS::ApiGateway::UsagePlanKey',
        Properties: { KeyId: { Ref: key }, KeyType: 'API_KEY', UsagePlanId: { Ref: plan } },
      };
      return key;
    });
    Outputs.ApiKeyId = {
      Description: 'The id of the first API key, by which whoever may read it finds the key itself.',
      Value: { Ref: keys[0] },
    };
  }

  defaultMode() {
    // The project's own CLI makes all calls with AWS's SDK v3, which reads AWS_ENDPOINT_URL; v2, as of Serverless v3, does not, and
    // such a deploy goes to AWS. Of others it is not known.
    const { version, service } = this.serverless;
    const { getAwsSdkV3Config } = this.serverless.getProvider('aws');
    const heedsEndpoint = Number.parseInt(version, 10) >= 4 && typeof getAwsSdkV3Config === 'function';
    return defaultMode(service.provider.stage, process.env, heedsEndpoint);
  }

  mode(setting) {
    if (MODES.includes(setting)) return setting;
    throw new this.serverless.classes.Error(
      `The API's clients: custom.apiAuth in serverless.yml must be ${MODES.join(', ')}; found ${JSON.stringify(setting)}. ` +
        'Deploy with --param="apiAuth=apiKey", or leave the parameter out.'
    );
  }

  names(setting) {
    const names = String(setting).split(',').map((name) => name.trim());
    // Two that differ in their first letter's case alone would be one key.
    const different = new Set(names.map(capitalised)).size === names.length;
    if (different && names.every((name) => /^[A-Za-z0-9]{1,40}$/.test(name))) return names;
    throw new this.serverless.classes.Error(
      'The API\'s keys: custom.apiKeys in serverless.yml must be different names of letters and digits, separated by commas; ' +
        `found ${JSON.stringify(setting)}. Deploy with --param="apiKeys=shop,reports", or leave the parameter out.`
    );
  }
}

function capitalised(name) {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

module.exports = ApiAuth;
