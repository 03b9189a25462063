// What a long run may meet, done to small runs of the embedded model on purpose: kills at stated and at drawn points, torn
// files, full and read-only disks, other locales and time zones (docs/testing.md). Prints tried and bad, and exits with 1
// where something is bad. A try is bad if the run does not end, ends with other bytes without a word, or shows a stack.
// Usage: npm run torture -- [--seed N] [--methods a,b] [--kinds stated,random,torn,disk,locale] [--tries N]
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { listFiles, sha256OfFile } from '../dist/formats/files/files.js';
import { methodNames, methods } from '../dist/methods/index.js';
import { buildNanoData } from '../dist/nano/world/build.js';
import { RandomStream } from '../dist/tensor/random.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '0' },
    methods: { type: 'string' },
    kinds: { type: 'string', default: 'stated,random,torn,disk,locale' },
    tries: { type: 'string', default: '20' },
  },
});
const tries = Number(values.tries);
const command = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'coin-torture-'));
const trained = methodNames.filter((name) => methods[name].stream.trains);
const chosen = values.methods?.split(',') ?? trained;
const counts = new Map();
let runs = 0;

process.on('exit', () => {
  spawnSync('umount', ['--quiet', join(root, 'disk')], { stdio: 'ignore' });
  rmSync(root, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

function drawn(purpose, below) {
  return Math.floor(new RandomStream(Number(values.seed), `torture/${purpose}`).uniform() * below);
}

function count(kind, what, complaint) {
  const { tried, bad } = counts.get(kind) ?? { tried: 0, bad: 0 };
  counts.set(kind, { tried: tried + 1, bad: bad + (complaint === undefined ? 0 : 1) });
  console.log(`${kind}, ${what}: ${complaint ?? 'fine'}`);
}

function configFor(method) {
  const file = join(root, `${method}.json`);
  const config = {
    model: 'nano',
    benchmark: join(root, 'data'),
    methods: [method],
    tasks: ['ImageNet', 'GQA'],
    trainSamples: 8,
    testSamples: 3,
    adapter: { rank: 4, alpha: 8, experts: 2, dropout: 0.1 },
    training: { batchSize: 2, learningRate: 0.01, checkpointEverySteps: 1 },
    evaluation: { slots: 3, maxNewTokens: 4 },
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

function run(method, folder, env = {}) {
  const all = [command, 'run', configFor(method), '--output', folder, '--jobs', '1', '--quiet'];
  const ended = spawnSync(process.execPath, all, { encoding: 'utf8', env: { ...process.env, ...env } });
  return { ended: ended.signal ?? ended.status, said: ended.stderr };
}

const told = /(^|\/)journal\.jsonl$|^(config|provenance)\.json$|^report\.html$/;
const outcome = (folder) =>
  listFiles(folder)
    .filter((file) => !told.test(file))
    .map((file) => `${file} ${sha256OfFile(join(folder, file))}`);
const wholes = new Map();

/** What a run of the method leaves that nothing happened to. */
function wholeOf(method) {
  if (!wholes.has(method)) {
    const folder = join(root, `whole ${method}`);
    const { ended, said } = run(method, folder);
    if (ended !== 0) throw new Error(`an untouched run of ${method} ended with ${ended}: ${said}`);
    wholes.set(method, { folder, files: outcome(folder) });
  }
  return wholes.get(method);
}

/** Why a run's end is not what it should be; undefined where it is. */
function complaintOf(method, folder, { ended, said }) {
  if (/\n\s+at |This is a bug/.test(said)) return said.trim().split('\n').slice(0, 3).join(' ');
  if (ended === 2) return undefined;
  if (ended !== 0) return `ended with ${ended}`;
  const [is, should] = [new Set(outcome(folder)), new Set(wholeOf(method).files)];
  const others = [...is].filter((file) => !should.has(file)).concat([...should].filter((file) => !is.has(file)));
  return others.length === 0 ? undefined : `other bytes: ${others[0]?.split(' ')[0]}`;
}

const freshFolder = () => join(root, `run ${++runs}`);

/** Killed at a point, and gone on with; a point that never comes is bad, too. */
function killedAt(kind, method, point) {
  const folder = freshFolder();
  const { ended } = run(method, folder, { COIN_KILL: point });
  const complaint = ended === 'SIGKILL' ? complaintOf(method, folder, run(method, folder)) : 'was not killed';
  count(kind, `${method} at ${point}`, complaint);
  rmSync(folder, { recursive: true, force: true });
}

const kinds = {
  stated() {
    const places = ['write', 'journal', 'answer'].flatMap((moment) =>
      ['before', 'within', 'after'].map((phase) => `${moment}:2:${phase}`),
    );
    for (const moment of ['rename', 'checkpoint']) places.push(`${moment}:2:before`, `${moment}:2:after`);
    for (const method of chosen) {
      const stage = methods[method].stream.changes ? '2-GQA' : 'all';
      for (const place of ['adapter', 'predictions']) {
        for (const phase of ['before', 'after']) places.push(`rename:1:${phase}:${stage}/${place}`);
      }
      for (const point of new Set(places)) killedAt('stated kills', method, point);
      places.splice(-4);
    }
  },

  random() {
    const moments = { write: 12, rename: 14, journal: 7, answer: 15, checkpoint: 6 };
    for (let index = 0; index < tries; index++) {
      const [moment, most] = Object.entries(moments)[drawn(`moment ${index}`, 5)];
      const method = chosen[drawn(`method ${index}`, chosen.length)];
      const phase = ['before', 'after'][drawn(`phase ${index}`, 2)];
      killedAt('drawn kills', method, `${moment}:${1 + drawn(`number ${index}`, most)}:${phase}`);
    }
  },

  torn() {
    const damages = {
      cut: (file, bytes) => truncateSync(file, bytes >> 1),
      zeroed: (file, bytes) => {
        const tail = Math.min(40, bytes);
        const content = readFileSync(file);
        writeFileSync(file, Buffer.concat([content.subarray(0, bytes - tail), Buffer.alloc(tail)]));
      },
      lengthened: (file) => writeFileSync(file, 'garbage', { flag: 'a' }),
    };
    for (let index = 0; index < tries; index++) {
      const method = chosen[drawn(`torn ${index}`, chosen.length)];
      const folder = freshFolder();
      if (index % 2 === 0) cpSync(wholeOf(method).folder, folder, { recursive: true });
      else run(method, folder, { COIN_KILL: 'checkpoint:2' });
      const files = listFiles(folder).filter((file) => !told.test(file) && file !== 'lock');
      const file = files[drawn(`file ${index}`, files.length)];
      const [name, damage] = Object.entries(damages)[drawn(`damage ${index}`, 3)];
      damage(join(folder, file), readFileSync(join(folder, file)).length);
      count('torn files', `${file} of ${method} ${name}`, complaintOf(method, folder, run(method, folder)));
      rmSync(folder, { recursive: true, force: true });
    }
  },

  disk() {
    const place = join(root, 'disk');
    mkdirSync(place);
    const mount = (...options) => spawnSync('mount', [...options, place]).status === 0;
    const [method] = chosen;
    for (const size of ['16k', '64k', '256k', '1m']) {
      if (!mount('-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs')) {
        console.log('full and read-only disks: NOT TRIED, no file system can be mounted here');
        return;
      }
      const folder = join(place, 'run');
      const first = run(method, folder);
      let complaint = complaintOf(method, folder, first);
      if (complaint === undefined && first.ended === 2 && !/disk is full/.test(first.said)) {
        complaint = `says ${first.said.trim()}`;
      }
      mount('-o', 'remount,size=64m');
      count('full disks', size, complaint ?? complaintOf(method, folder, run(method, folder)));
      if (size === '1m') {
        mount('-o', 'remount,ro');
        const { ended, said } = run(method, join(place, 'other'));
        count('read-only disks', 'a new run', ended === 2 && /read-only/.test(said) ? undefined : said.trim());
      }
      spawnSync('umount', [place]);
    }
  },

  locale() {
    const [method] = chosen;
    for (const [language, zone] of [
      ['tr_TR.UTF-8', 'Pacific/Kiritimati'],
      ['ar_EG.UTF-8', 'Asia/Kathmandu'],
      ['de_DE.UTF-8', 'America/St_Johns'],
      ['C', 'Pacific/Pago_Pago'],
    ]) {
      const folder = freshFolder();
      const ended = run(method, folder, { LANG: language, LC_ALL: language, TZ: zone });
      count('locales and time zones', `${language}, ${zone}`, complaintOf(method, folder, ended));
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

const known = Object.keys(kinds);
const wanted = values.kinds.split(',');
const strange = [...wanted.filter((kind) => !known.includes(kind)), ...chosen.filter((name) => !trained.includes(name))];
if (strange.length > 0) {
  console.error(`expected kinds of ${known.join(', ')} and methods of ${trained.join(', ')}; found ${strange}`);
  process.exit(2);
}
await buildNanoData({ folder: join(root, 'data'), trainPerTask: 8, testPerTask: 3 });
for (const kind of wanted) kinds[kind]();
for (const [kind, { tried, bad }] of counts) console.log(`${kind}: ${tried} tried, ${bad} bad`);
process.exitCode = [...counts.values()].some(({ bad }) => bad > 0) ? 1 : 0;
