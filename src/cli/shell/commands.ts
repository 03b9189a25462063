// All commands by name. Each is loaded only when it is asked for; a new one is a file and a line here.
import { defineCommand } from 'citty';
import { packageVersion } from '../../base/package.ts';

const data = defineCommand({
  meta: { name: 'data', description: 'Make, prepare and check data sets' },
  subCommands: {
    nano: () => import('../data/nano.ts').then((file) => file.dataNano),
    doctor: () => import('../data/doctor.ts').then((file) => file.dataDoctor),
    prepare: () => import('../data/prepare.ts').then((file) => file.dataPrepare),
  },
});

const nano = defineCommand({
  meta: { name: 'nano', description: 'The embedded model' },
  subCommands: { pretrain: () => import('../model/nano-pretrain.ts').then((file) => file.nanoPretrain) },
});

const graph = defineCommand({
  meta: { name: 'graph', description: 'Look at the programs that run' },
  subCommands: { dump: () => import('../model/graph-dump.ts').then((file) => file.graphDump) },
});

const model = defineCommand({
  meta: { name: 'model', description: 'Models on the disk' },
  subCommands: { inspect: () => import('../model/inspect.ts').then((file) => file.modelInspect) },
});

const adapter = defineCommand({
  meta: { name: 'adapter', description: 'Adapters of PEFT, of runs and of CoIN' },
  subCommands: {
    convert: () => import('../model/adapter-convert.ts').then((file) => file.adapterConvert),
    inspect: () => import('../model/adapter-inspect.ts').then((file) => file.adapterInspect),
    merge: () => import('../model/adapter-merge.ts').then((file) => file.adapterMerge),
  },
});

export const coin = defineCommand({
  meta: {
    name: 'coin',
    version: packageVersion(),
    description: 'Tunes a multimodal model on one task after another and measures what it forgets',
  },
  subCommands: {
    run: () => import('../run/run.ts').then((file) => file.run),
    study: () => import('../run/study.ts').then((file) => file.study),
    cache: () => import('../run/cache.ts').then((file) => file.cache),
    plan: () => import('../run/plan.ts').then((file) => file.plan),
    config: () => import('../run/config.ts').then((file) => file.config),
    metrics: () => import('../look/metrics.ts').then((file) => file.metrics),
    compare: () => import('../look/compare.ts').then((file) => file.compare),
    diff: () => import('../look/diff.ts').then((file) => file.diff),
    score: () => import('../look/score.ts').then((file) => file.score),
    report: () => import('../look/report.ts').then((file) => file.report),
    judge: () => import('../ask/judge.ts').then((file) => file.judge),
    samples: () => import('../look/samples.ts').then((file) => file.samples),
    reask: () => import('../ask/reask.ts').then((file) => file.reask),
    observe: () => import('../ask/observe.ts').then((file) => file.observe),
    'what-if': () => import('../ask/what-if.ts').then((file) => file.whatIf),
    ledger: () => import('../look/ledger.ts').then((file) => file.ledger),
    verify: () => import('../look/verify.ts').then((file) => file.verify),
    generate: () => import('../model/generate.ts').then((file) => file.generate),
    model,
    adapter,
    data,
    evaluate: () => import('../run/evaluate.ts').then((file) => file.evaluate),
    graph,
    nano,
  },
});
