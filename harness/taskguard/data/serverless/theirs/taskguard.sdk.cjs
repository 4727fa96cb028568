'use strict';

// What plugins that were written for version 3 of the Framework ask AWS by: provider.request(), provider.sdk and provider.getCredentials(),
// on the AWS SDK of version 2, which this CLI has no more. All of them lead to the engine.

const path = require('path');

// `sdk` is the folder with the SDK; where it is not there yet, the function `missing` is called.
function withSdk(provider, sdk, missing) {
  let loaded;
  const aws = () => {
    if (sdk === null) missing();
    if (loaded === undefined) {
      process.env.AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE = '1';
      loaded = require(path.join(sdk, 'aws-sdk'));
      loaded.config.update(settings());
    }
    return loaded;
  };
  const settings = () => ({
    credentials: { accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY },
    region: provider.getRegion(),
    endpoint: process.env.AWS_ENDPOINT_URL,
    s3ForcePathStyle: true,
  });
  Object.defineProperty(provider, 'sdk', { get: aws, configurable: true });
  provider.getCredentials = settings;
  provider.request = async (service, method, parameters) => {
    const name = typeof service === 'string' ? service : service.name;
    const Client = name.split('.').reduce((found, part) => found[part], aws());
    try {
      return await new Client(service.params)[method](parameters).promise();
    } catch (error) {
      // As the Framework has it.
      throw Object.assign(error, { providerError: error, providerErrorCodeExtension: error.code });
    }
  };
}

module.exports = { withSdk };
