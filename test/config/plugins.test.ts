// Plug-ins: where they are found, what they may export, and one clear error for each way in which one can be wrong.
import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/base/errors.ts';
import { builtIn } from '../../src/config/catalogue.ts';
import { loadConfig } from '../../src/config/load.ts';
import { catalogueOf, pluginFiles, resolvePlugin } from '../../src/config/plugins.ts';
import { familyOf, locateModel, openModel } from '../../src/models/index.ts';
import { recordProvenance } from '../../src/runs/provenance.ts';
import { claimRunFolder, readRunConfig } from '../../src/runs/run-folder.ts';
import { tinyConfig, writeTinyData } from '../support/tiny-run.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'coin-plugins-')));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, content: string): string {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

const task = (name: string) =>
  `{ name: '${name}', loadTrain: () => [], loadTest: () => [], score: () => ({}), style: {} }`;
const tasksOf = (...names: readonly string[]) => `export const tasks = [${names.map(task).join(', ')}];\n`;

function issueOf(act: () => unknown) {
  try {
    act();
  } catch (error) {
    if (error instanceof UserError) return error.issues[0];
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('a configuration', () => {
  it('knows what its plug-ins bring, by paths relative to it and by packages beside it', () => {
    write('below/own.mjs', tasksOf('Own'));
    write(
      'below/node_modules/of-import/package.json',
      '{"type":"module","exports":{".":{"import":"./main.js"}}}',
    );
    write('below/node_modules/of-import/main.js', tasksOf('OfImport'));
    write('below/node_modules/of-require/package.json', '{"main":"main.cjs"}');
    write('below/node_modules/of-require/main.cjs', `exports.tasks = [${task('OfRequire')}];`);
    write(
      'below/run.yaml',
      'base: nano\nplugins: [./own.mjs, of-import, of-require]\ntasks: [OfRequire, Own, GQA, OfImport]\n',
    );
    const config = loadConfig('below/run.yaml', { workingFolder: folder });
    expect(config.tasks).toEqual(['OfRequire', 'Own', 'GQA', 'OfImport']);
    const below = join(folder, 'below');
    expect(config.plugins).toEqual([
      join(below, 'own.mjs'),
      join(below, 'node_modules/of-import/main.js'),
      join(below, 'node_modules/of-require/main.cjs'),
    ]);
    expect(catalogueOf(config).tasks.names.slice(-3)).toEqual(['Own', 'OfImport', 'OfRequire']);
    expect(builtIn.tasks.has('Own')).toBe(false);
  });

  it('says which name is unknown, with the nearest, and where a plug-in is missing', () => {
    write('near.mjs', tasksOf('Counting'));
    write('near.yaml', 'base: nano\nplugins: [./near.mjs]\ntasks: [Countin]\n');
    const load = (file: string) => () => loadConfig(file, { workingFolder: folder });
    expect(issueOf(load('near.yaml'))).toMatchObject({ hint: 'did you mean Counting?', field: 'tasks' });
    write('lost.yaml', 'base: nano\nplugins:\n  - ./lost.mjs\n');
    expect(issueOf(load('lost.yaml'))).toMatchObject({ file: 'lost.yaml', line: 3, field: 'plugins[0]' });
    write('absent.yaml', 'base: nano\nplugins: [not-installed]\n');
    expect(issueOf(load('absent.yaml'))?.message).toContain('the package not-installed is not installed');
    write('text.yaml', 'base: nano\nplugins: own.mjs\n');
    expect(issueOf(load('text.yaml'))).toMatchObject({ file: 'text.yaml', field: 'plugins' });
  });
});

it('a family of a plug-in reads the folders that it recognises, and LLaVA the others', () => {
  const _file = write(
    'family.mjs',
    `import { existsSync } from 'node:fs';
export const families = [{
  name: 'toy', label: 'Toy', layouts: 'toys', templates: ['toy'], parts: [],
  recognises: (folder) => existsSync(folder + '/toy.txt'),
  files: () => ['toy.txt'], outline: () => ({ toy: true }), open: () => ({ toy: true }),
}];`,
  );
  write('toy/config.json', '{}');
  write('toy/toy.txt', '');
  write('toy.yaml', 'base: nano\nmodel: ./toy\nplugins: [./family.mjs]\npromptTemplate: toy\n');
  const config = loadConfig('toy.yaml', { workingFolder: folder });
  const { families } = catalogueOf(config);
  const model = locateModel(config.model, families);
  expect(openModel(model, { families })).toEqual({ toy: true });
  expect(familyOf(locateModel('nano', families), families).name).toBe('llava');
  expect(() => locateModel(config.model, builtIn.families)).toThrow(UserError);
});

describe('a plug-in is refused', () => {
  it.each([
    ['that exports nothing', 'const tasks = [];', 'found no exports'],
    ['that exports something else', 'export const task = 1;', 'found exports named task'],
    ['whose lists are empty', 'export const tasks = [];', 'exports lists named methods, tasks, families'],
    ['whose list is none', 'export const tasks = 3;', 'expected a list of tasks'],
    ['with what is no task', `export const tasks = [{ name: 'X' }];`, 'expected a task'],
    ['with what is no method', 'export const methods = [null];', 'expected a method'],
    ['with a name that is no folder', tasksOf('../up'), 'expected a name of letters'],
    ['that throws', `throw new Error('no luck');`, 'cannot be loaded: no luck'],
    ['that is no JavaScript', 'export const = ;', 'cannot be loaded'],
    ['that imports what is not there', `import './gone.mjs';`, 'cannot be loaded'],
    ['that waits', `await 1;\n${tasksOf('Late')}`, 'awaits something at its top level'],
    ['with what is no family', `export const families = [{ name: 'X' }];`, 'expected a family'],
    ['with a name of the package', tasksOf('GQA'), 'already a task named "GQA"'],
    ['with a name twice', tasksOf('Twice', 'Twice'), 'already a task named "Twice"'],
  ])('%s', (name, content, message) => {
    const file = write(`bad/${name.replaceAll(' ', '-')}.mjs`, content);
    const issue = issueOf(() => catalogueOf({ plugins: [file] }));
    expect(issue).toMatchObject({ file });
    expect(issue?.message).toContain(message);
  });

  it('where it is a folder', () => {
    mkdirSync(join(folder, 'directory'));
    expect(() => catalogueOf({ plugins: [resolvePlugin('./directory', folder)] })).toThrow(UserError);
  });
});

it('that a run began with is known when it goes on, also where it has moved', () => {
  const file = write('moved/here.mjs', tasksOf('Moved'));
  const run = join(folder, 'moved-run');
  mkdirSync(run);
  const source = writeTinyData(join(folder, 'moved-data'));
  const config = { ...tinyConfig(run, source), tasks: ['Moved'], plugins: [file] };
  claimRunFolder(run, config, catalogueOf(config));
  claimRunFolder(run, config, catalogueOf(config));
  const elsewhere = join(folder, 'moved/there.mjs');
  renameSync(file, elsewhere);
  const after = { ...config, plugins: [elsewhere] };
  claimRunFolder(run, after, catalogueOf(after));
  expect(readRunConfig(run)).toMatchObject({ tasks: ['Moved'], plugins: [elsewhere] });
});

it('is hashed with what it imports: a run does not go on with another one, and may gain one', () => {
  const file = write('hashed/main.mjs', `import { name } from './inner.mjs';\n${tasksOf('Hashed')}`);
  const inner = write('hashed/inner.mjs', `export const name = 'a';\n`);
  const more = write('hashed/more.mjs', tasksOf('More'));
  expect(pluginFiles(file)).toEqual([file, inner]);
  const source = writeTinyData(join(folder, 'data'));
  const model = join(folder, 'model');
  write('model/config.json', '{"model_type":"llava"}');
  const run = join(folder, 'run');
  mkdirSync(run);
  const record = (...plugins: readonly string[]) =>
    recordProvenance(run, { source, tasks: ['VQAv2'], modelFolder: model, plugins });
  record(file);
  record(file);
  record(file, more);
  expect(issueOf(() => record(file))?.message).toContain(more);
  writeFileSync(inner, `export const name = 'b';\n`);
  expect(issueOf(() => record(file, more))).toMatchObject({ field: 'plugins' });
});
