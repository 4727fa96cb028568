'use strict';

// The configuration that the Serverless CLI is given in place of a service's own, in a scratch copy of the service's folder, where it lies
// beside it and is named by --config. It reads theirs with the CLI's own reader, and takes away what would keep this CLI from taking it:
// files of version 3 and 4 of the Framework are read alike. What hides behind variables is seen once these are resolved, by the plugin
// that is added here (taskguard.plugin.cjs).

const fs = require('fs');
const path = require('path');
const { pathToFileURL } = require('url');
const { cli, region, theirs } = JSON.parse(process.env.TASKGUARD_WRAPPER);
const read = require(path.join(cli, 'lib/configuration/read.js'));
const PluginManager = require(path.join(cli, 'lib/classes/plugin-manager.js'));
const { Plugin, setAside, otherRegion, chosenPlugins } = require('./taskguard.plugin.cjs');

// Once the CLI has told of an error it only waits for its end, which a bundler's process that goes on would put off for ever.
setInterval(() => process.exitCode && process.exit(), 500).unref();

const ONLY_FOR_FRAMEWORK_4 = ['build', 'licenseKey', 'stages', 'state'];

module.exports = (async () => {
  const config = await readTheirs(path.join(__dirname, theirs));
  if (config === null || typeof config !== 'object') return config;
  const isOf4 = ONLY_FOR_FRAMEWORK_4.some((name) => name in config) || /^\D*4/.test(config.frameworkVersion ?? '');
  forVersion(config);
  forDashboard(config);
  takeParameters(config);
  forRegion(config.provider);
  if (config.service !== null && typeof config.service === 'object') config.service = config.service.name;
  // Version 4 reads .env by itself.
  if (isOf4) config.useDotenv ??= true;
  // Properties that only another version knows are no reason to refuse the rest.
  config.configValidationMode = 'warn';
  Plugin.build = config.build;
  delete config.build;
  addPlugin();
  return config;
})();

// The CLI's reader takes each .js for CommonJS.
async function readTheirs(file) {
  const manifest = path.join(__dirname, 'package.json');
  const isModule = path.extname(file) === '.js' && fs.existsSync(manifest) && JSON.parse(fs.readFileSync(manifest, 'utf8')).type === 'module';
  return isModule ? (await import(pathToFileURL(file))).default : read(file);
}

function forVersion(config) {
  if (!('frameworkVersion' in config)) return;
  const { version } = require(path.join(cli, 'package.json'));
  setAside(`frameworkVersion ${config.frameworkVersion}: osls ${version}, a fork of version 3, packages it`);
  delete config.frameworkVersion;
}

function forDashboard(config) {
  // They stay, since variables may read them.
  const named = ['org', 'app', 'licenseKey', 'dashboard', 'state'].filter((name) => name in config);
  if (named.length) setAside(`${named.join(', ')}: no account of the Framework is used`);
  for (const name of ['licenseKey', 'dashboard', 'state']) delete config[name];
}

// What the service derives from its region has to be where it is deployed. One that hides behind variables is seen by the plugin.
function forRegion(provider) {
  const named = provider?.region;
  if (typeof named !== 'string' || named.includes('${')) return;
  otherRegion(named);
  provider.region = region;
}

// https://www.serverless.com/framework/docs/guides/stages: version 4 has parameters by stage below `stages`, version 3 below `params`.
function takeParameters(config) {
  const stages = config.stages;
  delete config.stages;
  if (stages === null || typeof stages !== 'object') return;
  const params = {};
  for (const [name, stage] of Object.entries(stages)) {
    if (stage?.params) params[name] = stage.params;
    const others = Object.keys(stage ?? {}).filter((key) => key !== 'params');
    if (others.length) setAside(`stages.${name}: ${others.join(', ')} (of it only params are used)`);
  }
  const told = config.params ?? {};
  config.params = Object.fromEntries(
    [...new Set([...Object.keys(params), ...Object.keys(told)])].map((name) => [name, { ...params[name], ...told[name] }])
  );
}

// Where they are loaded the names of plugins are resolved, whatever file or variable they came from.
function addPlugin() {
  const resolve = PluginManager.prototype.resolveServicePlugins;
  PluginManager.prototype.resolveServicePlugins = async function resolveServicePlugins(named) {
    return [Plugin, ...(await resolve.call(this, chosenPlugins(this.parsePluginsObject(named))))];
  };
}
