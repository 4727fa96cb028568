'use strict';

// How the API lets its clients in: as --param="apiAuth=…" says, and without it by where the deploy goes. An engine on somebody's
// machine (AWS_ENDPOINT_URL) and stage dev are open, every other stage wants an API key.

// What leads to AWS itself, such as a private endpoint of a VPC, is no engine.
const OF_AWS = /(^|\.)(amazonaws\.com(\.cn)?|api\.aws)$/;

module.exports = async ({ resolveVariable }) => {
  const given = await resolveVariable("param:apiAuth, ''");
  if (given) return given;
  const stage = await resolveVariable('self:custom.stage');
  return stage === 'dev' || isEngine(process.env.AWS_ENDPOINT_URL) ? 'none' : 'apiKey';
};

function isEngine(url) {
  if (!url) return false;
  try {
    return !OF_AWS.test(new URL(url).hostname.toLowerCase());
  } catch {
    return false;
  }
}
