'use strict';

// How the API lets its clients in when nobody says: stage dev and stages on an engine of this machine are open, every other
// stage wants an API key. What cannot be told for certain is no such engine. It knows nothing of the service.

// Names that lead to this machine, whatever else answers to its user. A proxy or an alias of AWS's has another one.
const THIS_MACHINE = /^(localhost|.+\.localhost|(.+\.)?localhost\.localstack\.cloud|host\.docker\.internal|127(\.\d+){3}|\[::1\])$/;

/**
 * @param stage the stage's name
 * @param environment the deploy's environment variables
 * @param heedsEndpoint whether this CLI sends what it calls of AWS to AWS_ENDPOINT_URL
 */
module.exports = (stage, environment, heedsEndpoint) =>
  stage === 'dev' || (heedsEndpoint && leadsToThisMachine(environment)) ? 'none' : 'apiKey';

function leadsToThisMachine(environment) {
  // https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html: where a stack goes is CloudFormation's own address
  // before the one of all services, and neither counts where they are to be ignored.
  if (!['', 'false'].includes(environment.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS || '')) return false;
  const url = environment.AWS_ENDPOINT_URL_CLOUDFORMATION || environment.AWS_ENDPOINT_URL;
  return Boolean(url) && URL.canParse(url) && THIS_MACHINE.test(new URL(url).hostname.replace(/\.$/, ''));
}
