'use strict';

// A plugin for the Serverless CLI that is added to services which are not ours (serverless.taskguard.cjs): once their configuration is
// resolved, it takes away what only an account of AWS has use for, says what must be installed first, and bundles TypeScript as
// version 4 of the Framework does. All it finds is told in the file `note`: {setAside: [...], needs: {install: [...], build: [...]}}, and at
// the end of a package {setAside: [...], atDeploy: [...], stackName, stage, keysBelow, parameters}.

const fs = require('fs');
const path = require('path');
const { bucket, cli, note, mayBuild, region, sdk, without } = JSON.parse(process.env.TASKGUARD_WRAPPER);
const { bundle, sourceOf } = require('./taskguard.bundle.cjs');
const { withSdk } = require('./taskguard.sdk.cjs');

// What stands in for AWS on a developer's machine; what needs an account, a domain or a monitoring product; what keeps house after a deploy.
const SET_ASIDE = {
  'stands in for AWS on a developer\'s machine': [
    /^serverless-offline(-.+)?$/, /^serverless-localstack$/, /^serverless-dynamodb(-local)?$/, /^serverless-s3-local$/,
    /^serverless-plugin-simulate$/, /^serverless-kinesis-local$/, /^serverless-local-.+$/, /^serverless-sqs-local$/,
  ],
  'needs an account, a domain or a product of others': [
    /^serverless-domain-manager$/, /^serverless-certificate-creator$/, /^serverless-associate-waf$/, /^serverless-s3-sync$/,
    /^serverless-plugin-datadog$/, /^serverless-newrelic-lambda-layers$/, /^serverless-(plugin-)?lumigo$/, /^serverless-plugin-epsagon$/,
    /^serverless-sentry$/, /^@serverless\/(dashboard|enterprise|safeguards)-plugin$/, /^serverless-plugin-canary-deployments$/,
    /^serverless-deployment-bucket$/,
  ],
  'keeps house in an account': [
    /^serverless-prune-plugin$/, /^serverless-plugin-log-retention$/, /^serverless-stack-termination-protection$/,
    /^serverless-stage-manager$/, /^serverless-plugin-git-variables$/, /^serverless-export-env$/,
  ],
};
const BUNDLERS = /^serverless-(esbuild|webpack|bundle|plugin-typescript|plugin-esbuild|plugin-tsc|plugin-parcel|plugin-optimize|build|rspack)$|\/serverless-(esbuild|webpack|bundle)$/;

// The CLI looks whether the stack has the same layer already. A package is to follow from the service's files alone.
require(path.join(cli, 'lib/plugins/aws/package/compile/layers.js')).prototype.compareWithLastLayer = async () => undefined;

// The bucket of all services is there, and serves each region of the engine.
require(path.join(cli, 'lib/plugins/aws/deploy/lib/ensure-valid-bucket-exists.js')).ensureValidBucketExists = async function bucketIsThere() {
  await this.setBucketName();
};

const said = [];
const setAside = (sentence) => said.includes(sentence) || said.push(sentence);

function otherRegion(named) {
  if (typeof named === 'string' && named !== region) setAside(`provider.region ${named}: deployed in ${region} (--region ${named} deploys it there)`);
}

let theirs = [];

function chosenPlugins({ modules, localPath }) {
  theirs = modules.filter((name) => {
    if (without.includes(name)) {
      setAside(`plugin ${name}: taskguard.toml says so`);
      return false;
    }
    const [why] = Object.entries(SET_ASIDE).find(([, names]) => names.some((each) => each.test(name))) ?? [];
    if (why) setAside(`plugin ${name}: it ${why}`);
    return !why;
  });
  return { modules: theirs, localPath };
}

class Plugin {
  constructor(serverless) {
    this.serverless = serverless;
    // Before variables ask AWS for something, with the credentials that a profile names.
    this.withoutProfile();
    withSdk(serverless.getProvider('aws'), sdk, () => {
      this.tell({ needs: { sdk: ['v2'] } });
      process.exit(0);
    });
    this.hooks = {
      'initialize': () => this.initialize(),
      'before:package:createDeploymentArtifacts': () => this.bundle(),
      'after:package:finalize': () => this.finalize(),
      // Whatever a plugin does from here on, the stack is there.
      'after:aws:deploy:deploy:updateStack': () => this.tell({}),
    };
  }

  withoutProfile() {
    const { provider } = this.serverless.service;
    if (provider.profile) setAside(`provider.profile ${provider.profile}: the engine's own credentials are used`);
    delete provider.profile;
  }

  initialize() {
    this.withoutProfile();
    this.withoutAccount();
    if (this.serverless.processedInput.command !== 'package') return;
    const needs = this.needs();
    this.tell({ needs });
    // Called again once that is done.
    if (Object.values(needs).some((each) => each.length)) process.exit(0);
  }

  withoutAccount() {
    const { service } = this.serverless;
    const { provider } = service;
    if (provider.deploymentBucket || provider.deploymentBucketObject) {
      setAside('provider.deploymentBucket: packages are put into a bucket of the engine');
    }
    delete provider.deploymentBucketObject;
    provider.deploymentBucket = bucket;
    otherRegion(provider.region);
    for (const name of ['vpc', 'tracing', 'vpcEndpointIds']) {
      if (name in provider) setAside(`provider.${name}: there is none on the engine`);
      delete provider[name];
    }
    for (const name of ['cfnRole', 'rolePermissionsBoundary', 'stackPolicy', 'notificationArns', 'rollbackConfiguration', 'deploymentMethod']) {
      if (name in provider) setAside(`provider.${name}: it concerns an account`);
      delete provider[name];
    }
    for (const [name, fn] of Object.entries(service.functions ?? {})) {
      for (const property of ['vpc', 'tracing']) {
        if (property in fn) setAside(`${property} of the function ${name}: there is none on the engine`);
        delete fn[property];
      }
    }
    if (provider.logs?.restApi || provider.logs?.websocket) {
      setAside('provider.logs: access logs of the API need an account');
      delete provider.logs.restApi;
      delete provider.logs.websocket;
    }
    // Docker is not asked for: what is installed runs on this machine.
    const python = service.custom?.pythonRequirements;
    if (python?.dockerizePip) {
      setAside('custom.pythonRequirements.dockerizePip: packages are installed for this machine');
      python.dockerizePip = false;
    }
    // Whoever wrote the lock, what plugins install beside a function is copied by a program called npm (taskguard.npm.cjs).
    for (const bundler of [service.custom?.esbuild, service.custom?.webpack]) {
      if (bundler && typeof bundler === 'object' && bundler.packager) bundler.packager = 'npm';
    }
  }

  // Folders with packages of their own, which the CLI would take as they are: those of layers and of functions. And files that a build
  // step of the service's has to make.
  needs() {
    const { service, serviceDir } = this.serverless;
    const install = new Set();
    for (const layer of Object.values(service.layers ?? {})) {
      if (layer.path) for (const folder of [layer.path, path.join(layer.path, 'nodejs')]) this.addUninstalled(install, folder);
    }
    const missing = [];
    for (const fn of this.functionsOfNode()) {
      const source = sourceOf(serviceDir, fn.handler);
      if (source === null) missing.push(fn.handler);
      for (let folder = path.dirname(source ?? '.'); folder !== '.'; folder = path.dirname(folder)) {
        this.addUninstalled(install, folder);
      }
    }
    const built = mayBuild ? missing : [];
    return { install: [...install], build: built };
  }


  addUninstalled(found, folder) {
    const file = path.join(this.serverless.serviceDir, folder, 'package.json');
    if (!fs.existsSync(file) || fs.existsSync(path.join(path.dirname(file), 'node_modules'))) return;
    const { dependencies, optionalDependencies } = JSON.parse(fs.readFileSync(file, 'utf8'));
    if (Object.keys({ ...dependencies, ...optionalDependencies }).length) found.add(path.normalize(folder));
  }

  functionsOfNode() {
    const { service } = this.serverless;
    return Object.values(service.functions ?? {}).filter(
      (fn) => fn.handler && !fn.package?.artifact && /^nodejs/.test(fn.runtime ?? service.provider.runtime ?? 'nodejs')
    );
  }

  // What other plugins do when the service is deployed, not when it is packaged.
  atDeploy() {
    const found = [];
    for (const plugin of this.serverless.pluginManager.externalPlugins) {
      if (plugin === this) continue;
      const late = Object.keys(plugin.hooks ?? {}).filter((name) => /^(before:|after:)?(aws:)?deploy:(deploy|finalize)/.test(name));
      if (late.length) found.push(`${plugin.constructor._serverlessExternalPluginName ?? plugin.constructor.name} (${late.join(', ')})`);
    }
    return found;
  }

  async bundle() {
    const { service } = this.serverless;
    // Ours and the service's own configuration are no part of it.
    service.package.patterns = ['!serverless.{yml,yaml,json,js,cjs,mjs,ts}', '!taskguard.*', '!.taskguard*/**', ...(service.package.patterns ?? [])];
    if (theirs.some((name) => BUNDLERS.test(name))) return;
    const told = await bundle(this.serverless, Plugin.build, this.functionsOfNode());
    if (told) setAside(told);
  }

  // The packages that the service names itself lie elsewhere.
  finalize() {
    const { service, serviceDir } = this.serverless;
    const named = [service, ...Object.values(service.functions ?? {}), ...Object.values(service.layers ?? {})].map((each) => each.package?.artifact);
    const folder = path.resolve(serviceDir, this.serverless.pluginManager.cliOptions.package);
    for (const artifact of named) {
      if (typeof artifact !== 'string' || /^s3:/.test(artifact)) continue;
      const file = path.resolve(serviceDir, artifact);
      const target = path.join(folder, path.basename(file));
      if (fs.existsSync(file) && !fs.existsSync(target)) fs.copyFileSync(file, target);
    }
    const provider = this.serverless.getProvider('aws');
    this.tell({
      stackName: provider.naming.getStackName(),
      stage: provider.getStage(),
      atDeploy: this.atDeploy(),
      keysBelow: service.package.artifactDirectoryName,
      parameters: Object.fromEntries((service.provider.stackParameters ?? []).map((each) => [each.ParameterKey, String(each.ParameterValue)])),
    });
  }

  tell(more) {
    fs.writeFileSync(note, JSON.stringify({ setAside: said, ...more }));
  }
}

module.exports = { Plugin, setAside, otherRegion, chosenPlugins };
