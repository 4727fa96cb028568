'use strict';

// Bundles functions with esbuild as version 4 of the Serverless Framework does: those in TypeScript, and all of Node.js where the service
// has settings for it (https://www.serverless.com/framework/docs/providers/aws/guide/building). Each becomes an archive of its own.

const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');
const { cli } = JSON.parse(process.env.TASKGUARD_WRAPPER);
const ours = createRequire(path.join(cli, 'package.json'));

const JAVASCRIPT = ['.js', '.mjs', '.cjs', '.jsx'];
const TYPESCRIPT = ['.ts', '.mts', '.cts', '.tsx'];
const OURS = ['buildConcurrency', 'exclude', 'external', 'packages', 'sourcemap', 'installExtraArgs', 'skipPackaging'];
const OUTPUT = '.taskguard-bundles';

// The file of a handler such as `src/work.handler`, from the service's folder; null where there is none.
function sourceOf(folder, handler) {
  const name = handler.replace(/\.[^./]*$/, '');
  const found = [...JAVASCRIPT, ...TYPESCRIPT].find((ending) => fs.existsSync(path.join(folder, name + ending)));
  return found ? name + found : null;
}

// What was bundled, as a sentence; nothing where nothing was.
async function bundle(serverless, build, functions) {
  const { serviceDir, service } = serverless;
  const settings = await settingsOf(serverless, build);
  if (settings === null) return null;
  const chosen = functions.filter((fn) => {
    const source = sourceOf(serviceDir, fn.handler);
    return source !== null && (settings.all || TYPESCRIPT.includes(path.extname(source)));
  });
  await Promise.all(chosen.map((fn) => bundleOne(serverless, settings.esbuild, fn)));
  if (!chosen.length) return null;
  service.package.individually = true;
  return `${chosen.length} function${chosen.length > 1 ? 's' : ''} without a plugin that bundles: bundled with esbuild ${ours('esbuild').version}, as version 4 of the Framework does`;
}

async function settingsOf({ serviceDir, service }, build) {
  let esbuild = build && typeof build === 'object' ? build.esbuild : undefined;
  if (build === 'none' || esbuild === false) return null;
  if (typeof esbuild === 'string') {
    const loaded = createRequire(path.join(serviceDir, 'package.json'))(path.resolve(serviceDir, esbuild));
    esbuild = loaded.default ?? loaded;
    if (typeof esbuild === 'function') esbuild = await esbuild({ service });
  }
  const all = build === 'esbuild' || (esbuild !== undefined && esbuild !== null);
  return { all, esbuild: esbuild && typeof esbuild === 'object' ? esbuild : {} };
}

async function bundleOne(serverless, settings, fn) {
  const { serviceDir, service } = serverless;
  const source = sourceOf(serviceDir, fn.handler);
  const runtime = fn.runtime ?? service.provider.runtime ?? 'nodejs24.x';
  const version = Number(/\d+/.exec(runtime)[0]);
  const folder = path.join(serviceDir, OUTPUT, fn.name);
  const isModule = manifestOf(serviceDir).type === 'module' || path.extname(source) === '.mts';
  // What the runtime brings along is not bundled.
  const brought = version < 18 ? ['aws-sdk'] : ['@aws-sdk/*', '@smithy/*'];
  const external = settings.external ?? [];
  const format = settings.format ?? (isModule ? 'esm' : 'cjs');
  const outfile = source.replace(/\.[^.]*$/, format === 'esm' ? '.mjs' : '.js');
  const sourcemap = settings.sourcemap?.type ?? settings.sourcemap;
  await ours('esbuild').build({
    platform: 'node',
    target: `node${version}`,
    bundle: true,
    logLevel: 'error',
    ...(format === 'esm' && { banner: { js: "import { createRequire as createRequireOfBundle } from 'module'; const require = createRequireOfBundle(import.meta.url);" } }),
    ...Object.fromEntries(Object.entries(settings).filter(([name]) => !OURS.includes(name))),
    sourcemap: sourcemap ?? false,
    format,
    ...(settings.packages === 'external' ? { packages: 'external' } : { external: [...(settings.exclude ?? brought), ...external] }),
    absWorkingDir: serviceDir,
    entryPoints: [source],
    outfile: path.join(folder, outfile),
  });
  const beside = settings.packages === 'external' ? Object.keys(manifestOf(serviceDir).dependencies ?? {}) : external;
  await zip(serverless, fn, folder, modulesOf(serviceDir, beside));
}

function manifestOf(folder) {
  const file = path.join(folder, 'package.json');
  return fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : {};
}

// The folders of these packages and of all they depend on, from the service's folder.
function modulesOf(serviceDir, names) {
  const found = new Set();
  const look = (name, from) => {
    for (let folder = from; ; folder = path.dirname(folder)) {
      const module = path.join(folder, 'node_modules', name);
      if (fs.existsSync(module)) {
        if (found.has(module)) return;
        found.add(module);
        const { dependencies, optionalDependencies } = manifestOf(module);
        Object.keys({ ...dependencies, ...optionalDependencies }).forEach((each) => look(each, module));
        return;
      }
      if (folder === serviceDir) return;
    }
  };
  names.forEach((name) => look(name, serviceDir));
  return [...found].map((module) => path.relative(serviceDir, module));
}

async function zip(serverless, fn, folder, modules) {
  const { serviceDir, service } = serverless;
  const yazl = ours('yazl');
  const archive = new yazl.ZipFile();
  const add = (file, name) => archive.addFile(file, name, { mtime: new Date(0), mode: 0o100644 });
  const seen = new Set();
  for (const [from, at] of [[folder, ''], ...modules.map((module) => [path.join(serviceDir, module), module])]) {
    for (const file of filesBelow(from)) {
      seen.add(path.join(at, file));
      add(path.join(from, file), path.join(at, file));
    }
  }
  // Files that the service names beside its code.
  for (const file of await named(serviceDir, [...(service.package.patterns ?? []), ...(fn.package?.patterns ?? [])])) {
    if (!seen.has(file)) add(path.join(serviceDir, file), file);
  }
  const artifact = path.join(serviceDir, '.serverless', `${fn.name}.zip`);
  fs.mkdirSync(path.dirname(artifact), { recursive: true });
  archive.end();
  await new Promise((resolve, reject) => {
    archive.outputStream.pipe(fs.createWriteStream(artifact)).on('close', resolve).on('error', reject);
  });
  fn.package = { ...fn.package, artifact };
}

function* filesBelow(folder, below = '') {
  for (const entry of fs.readdirSync(path.join(folder, below), { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const name = path.join(below, entry.name);
    if (entry.isDirectory()) yield* filesBelow(folder, name);
    else if (entry.isFile()) yield name;
  }
}

async function named(serviceDir, patterns) {
  const wanted = patterns.filter((each) => !each.startsWith('!'));
  const unwanted = patterns.filter((each) => each.startsWith('!')).map((each) => each.slice(1));
  if (!wanted.length) return [];
  return ours('fast-glob').glob(wanted, { cwd: serviceDir, dot: true, ignore: unwanted.filter((each) => !/^\*+(\/\*+)?$/.test(each)) });
}

module.exports = { bundle, modulesOf, sourceOf };
