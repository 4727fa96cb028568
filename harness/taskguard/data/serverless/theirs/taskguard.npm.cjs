'use strict';

// Stands in for npm while a service is packaged, where plugins (serverless-webpack, serverless-esbuild) install what they do not bundle into
// a folder below the service's. No registry is reached then, and none is needed: what `npm install` asks for was installed with the
// service, and is copied from there. So it is after `npm prune`. Anything else is for npm itself.

const fs = require('fs');
const path = require('path');
const { spawnSync } = require('child_process');
const { modulesOf } = require('./taskguard.bundle.cjs');

const COPYING = ['install', 'i', 'ci', 'prune'];

function main([command, ...others]) {
  if (COPYING.includes(command) && others.every((each) => each.startsWith('-')) && copied(process.cwd())) return 0;
  // Not itself once more.
  const { TASKGUARD_PROGRAMS: own, ...env } = process.env;
  if (own === undefined) return 1;
  env.PATH = env.PATH.split(path.delimiter).filter((each) => each !== own).join(path.delimiter);
  return spawnSync('npm', command === undefined ? [] : [command, ...others], { stdio: 'inherit', env }).status ?? 1;
}

// Whether all that the package.json of a folder asks for was found above it.
function copied(folder) {
  const manifest = path.join(folder, 'package.json');
  if (!folder.startsWith(__dirname + path.sep) || !fs.existsSync(manifest)) return false;
  const names = Object.keys(JSON.parse(fs.readFileSync(manifest, 'utf8')).dependencies ?? {});
  if (!names.every((name) => fs.existsSync(path.join(__dirname, 'node_modules', name)))) return false;
  fs.rmSync(path.join(folder, 'node_modules'), { recursive: true, force: true });
  for (const module of modulesOf(__dirname, names)) {
    fs.cpSync(path.join(__dirname, module), path.join(folder, module), { recursive: true, verbatimSymlinks: true });
  }
  return true;
}

process.exit(main(process.argv.slice(2)));
