'use strict';

// Gives the collected dependencies the same permissions whatever the umask of whoever collected them. The package is then the
// same to the byte, and Lambda, which runs as another user, can read it:
// https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-deployment.html
// It must be listed before serverless-python-requirements, which has collected them by then, and packages them next.

const fs = require('fs');
const path = require('path');

const FILE = 0o644;
const FOLDER = 0o755;

class ReadablePackage {
  constructor(serverless) {
    this.serverless = serverless;
    this.hooks = {
      'after:package:createDeploymentArtifacts': () => this.makeReadable(),
      'after:deploy:function:packageFunction': () => this.makeReadable(),
    };
  }

  makeReadable() {
    const collected = path.join(this.serverless.serviceDir, '.serverless', 'requirements');
    if (fs.existsSync(collected)) setMode(fs.realpathSync(collected));
  }
}

function setMode(entry) {
  const stat = fs.lstatSync(entry);
  if (stat.isSymbolicLink()) return;
  const wanted = stat.isDirectory() ? FOLDER : FILE;
  if ((stat.mode & 0o777) !== wanted) fs.chmodSync(entry, wanted);
  if (stat.isDirectory()) for (const name of fs.readdirSync(entry)) setMode(path.join(entry, name));
}

module.exports = ReadablePackage;
