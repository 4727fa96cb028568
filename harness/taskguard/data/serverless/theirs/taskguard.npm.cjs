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
  const words = command === undefined ? [] : [command, ...others];
  return spawnSync('npm', words, { stdio: 'inherit', env: { ...process.env, PATH: pathWithoutThis() } }).status ?? 1;
}

function pathWithoutThis() {
  const folder = path.resolve(__dirname, '..', 'programs');
  return process.env.PATH.split(path.delimiter).filter((each) => each !== folder).join(path.delimiter);
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
