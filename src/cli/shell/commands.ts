// All commands by name: what each is for, examples, and how it is loaded. Light, so that the list of commands loads none
// of them. A new command is a file and an entry here.
import type { ArgsDef, CommandDef } from 'citty';
import type { CommandEntry } from './command-entry.ts';

export interface CommandGroup {
  readonly title: string;
  readonly commands: readonly CommandEntry[];
}

/** citty types a command by its own options; here they are all one. */
function loaded<T extends ArgsDef>(command: CommandDef<T>): CommandDef {
  return command as unknown as CommandDef;
}

const runs: CommandGroup = {
  title: 'Run',
  commands: [
    {
      name: 'run',
      summary: 'Train and evaluate; run it again to continue',
      examples: [
        ['coin run nano', 'the embedded benchmark, in minutes'],
        ['coin run nano --seeds 3', 'three seeds, one table with intervals'],
        ['coin run my.yaml --set training.epochs=2', 'your own, begun from `coin config > my.yaml`'],
        [
          "coin run nano --output runs/two --set 'methods=[ewc,replay]'",
          'two methods, in a folder of their own',
        ],
      ],
      load: () => import('../run/run.ts').then((file) => loaded(file.run)),
    },
    {
      name: 'config',
      summary: 'Print a configuration with every default and what it means',
      examples: [
        ['coin config > my.yaml', 'to begin your own from'],
        ['coin config coin', "the paper's protocol"],
        ['coin config nano --resolved', 'with the rank that each method gets'],
      ],
      load: () => import('../run/config.ts').then((file) => loaded(file.config)),
    },
    {
      name: 'plan',
      summary: 'Show what a run will take, before it runs',
      examples: [
        ['coin plan nano', 'steps, memory, disk and hours'],
        ['coin plan coin --model DIR --data DATA', 'also where DIR has no more than config.json yet'],
      ],
      load: () => import('../run/plan.ts').then((file) => loaded(file.plan)),
    },
    {
      name: 'study',
      summary: 'Run a grid of configurations with shared steps; again to continue',
      examples: [
        ['coin study', 'the studies that come along'],
        ['coin study orders --dry-run', 'its runs, checked, nothing computed'],
      ],
      load: () => import('../run/study.ts').then((file) => loaded(file.study)),
    },
    {
      name: 'evaluate',
      summary: 'Evaluate a model and an adapter without training, or audit a run',
      examples: [['coin evaluate runs/nano --audit 20', 'twenty answers again, each alone']],
      load: () => import('../run/evaluate.ts').then((file) => loaded(file.evaluate)),
    },
    {
      name: 'cache',
      summary: 'Show or clear the image features kept on disk',
      examples: [['coin cache', 'how much is kept, and where']],
      load: () => import('../run/cache.ts').then((file) => loaded(file.cache)),
    },
  ],
};

const looks: CommandGroup = {
  title: 'Look at what came out',
  commands: [
    {
      name: 'metrics',
      summary: 'Recompute the figures of a run, or of an accuracy matrix',
      examples: [
        ['coin metrics runs/nano', 'from the predictions on disk'],
        ['coin metrics --published', "the authors' own matrices"],
      ],
      load: () => import('../look/metrics.ts').then((file) => loaded(file.metrics)),
    },
    {
      name: 'report',
      summary: "Write a run's report.html again",
      examples: [['coin report runs/nano --beside llava7b-lora-original', 'beside a published row']],
      load: () => import('../look/report.ts').then((file) => loaded(file.report)),
    },
    {
      name: 'compare',
      summary: 'Compare methods, runs or predictions: is B better than A?',
      examples: [
        ['coin compare runs/nano', 'what can be told apart, and what cannot'],
        ['coin compare runs/a runs/b', 'runs that differ in their settings, on what they share'],
      ],
      load: () => import('../look/compare.ts').then((file) => loaded(file.compare)),
    },
    {
      name: 'diff',
      summary: 'Say whether two runs differ, and where they part first',
      examples: [['coin diff runs/nano runs/two', 'exit code 0 where they are the same']],
      load: () => import('../look/diff.ts').then((file) => loaded(file.diff)),
    },
    {
      name: 'samples',
      summary: 'List the samples behind a number, with all their answers',
      examples: [['coin samples runs/nano --task GQA --forgotten-at OCRVQA', 'what the last stage cost']],
      load: () => import('../look/samples.ts').then((file) => loaded(file.samples)),
    },
    {
      name: 'score',
      summary: 'Score a file of predictions, from whatever system',
      examples: [
        [
          'coin score --task GQA --predictions FILE.jsonl --annotations DIR',
          "anyone's answers, in both scorings",
        ],
      ],
      load: () => import('../look/score.ts').then((file) => loaded(file.score)),
    },
    {
      name: 'ledger',
      summary: 'Write which methods are verified, and what that rests on',
      examples: [['coin ledger runs/nano', 'claims, figures and what they rest on']],
      load: () => import('../look/ledger.ts').then((file) => loaded(file.ledger)),
    },
    {
      name: 'verify',
      summary: 'Check that methods do what they say',
      examples: [['coin verify ewc lwf', 'whether their mechanisms are at work']],
      load: () => import('../look/verify.ts').then((file) => loaded(file.verify)),
    },
  ],
};

const questions: CommandGroup = {
  title: 'Ask a finished run',
  commands: [
    {
      name: 'judge',
      summary: "Judge a run's answers: general knowledge, beside exact scoring",
      examples: [
        ['coin judge runs/nano', 'by comparing words'],
        ['coin judge runs/nano --judge URL --model NAME --estimate', 'what a real judge would take'],
      ],
      load: () => import('../ask/judge.ts').then((file) => loaded(file.judge)),
      children: [
        {
          name: 'score',
          summary: 'Score a file of judge answers',
          load: () => import('../ask/judge-score.ts').then((file) => loaded(file.judgeScore)),
        },
        {
          name: 'agreement',
          summary: 'Compare judges with each other, or with a sheet that a person filled in',
          load: () => import('../ask/judge-agreement.ts').then((file) => loaded(file.judgeAgreement)),
        },
      ],
    },
    {
      name: 'what-if',
      summary: 'Mix the saved stages of a run, or go back to one, without training',
      examples: [['coin what-if runs/nano', 'between the first stage and the last']],
      load: () => import('../ask/what-if.ts').then((file) => loaded(file.whatIf)),
    },
    {
      name: 'observe',
      summary: 'Look at how the experts of mixtures are used',
      examples: [['coin observe runs/nano', 'which work, which are dead, how that drifts']],
      load: () => import('../ask/observe.ts').then((file) => loaded(file.observe)),
    },
    {
      name: 'reask',
      summary: 'Ask forgotten samples again with a reminder of the format',
      examples: [['coin reask runs/nano', 'was it form that was lost, or content']],
      load: () => import('../ask/reask.ts').then((file) => loaded(file.reask)),
    },
  ],
};

const materials: CommandGroup = {
  title: 'Models and data',
  commands: [
    {
      name: 'data',
      summary: 'Make, prepare and check data sets',
      children: [
        {
          name: 'doctor',
          summary: "Check a data folder in CoIN's layout: files, rows, answers, counts, images, leaks",
          examples: [['coin data doctor DATA --images all', 'every image decoded']],
          load: () => import('../data/doctor.ts').then((file) => loaded(file.dataDoctor)),
        },
        {
          name: 'prepare',
          summary:
            "Make CoIN's files of one task from the raw download of its data sets; run it again to continue",
          examples: [
            ['coin data prepare --task GQA --from RAW --to DATA', 'one task at a time, into one folder'],
          ],
          load: () => import('../data/prepare.ts').then((file) => loaded(file.dataPrepare)),
        },
        {
          name: 'nano',
          summary: 'Write the embedded data set to a folder, in the layout of CoIN',
          examples: [['coin data nano --to DATA --train 20 --test 10', 'small, to try things with']],
          load: () => import('../data/nano.ts').then((file) => loaded(file.dataNano)),
        },
      ],
    },
    {
      name: 'model',
      summary: 'Models on the disk',
      children: [
        {
          name: 'inspect',
          summary: 'Say what a model is, what it needs, and what of it is missing',
          examples: [['coin model inspect nano', 'the embedded model']],
          load: () => import('../model/inspect.ts').then((file) => loaded(file.modelInspect)),
        },
      ],
    },
    {
      name: 'generate',
      summary: 'Ask a model about images',
      examples: [['coin generate nano --image FILE --prompt "What is this?"', 'one question']],
      load: () => import('../model/generate.ts').then((file) => loaded(file.generate)),
    },
    {
      name: 'adapter',
      summary: 'Adapters of PEFT, of runs and of CoIN',
      children: [
        {
          name: 'inspect',
          summary: 'Say what an adapter is',
          examples: [['coin adapter inspect runs/nano/lora/8-OCRVQA/adapter', "a stage's"]],
          load: () => import('../model/adapter-inspect.ts').then((file) => loaded(file.adapterInspect)),
        },
        {
          name: 'convert',
          summary: 'Write an adapter as PEFT reads it',
          examples: [['coin adapter convert nano runs/nano/lora/8-OCRVQA/adapter --to FOLDER', 'for PEFT']],
          load: () => import('../model/adapter-convert.ts').then((file) => loaded(file.adapterConvert)),
        },
        {
          name: 'merge',
          summary: 'Fold an adapter into the weights of its model',
          examples: [
            ['coin adapter merge nano runs/nano/lora/8-OCRVQA/adapter --to FOLDER', 'a model of its own'],
          ],
          load: () => import('../model/adapter-merge.ts').then((file) => loaded(file.adapterMerge)),
        },
      ],
    },
  ],
};

const machinery: CommandGroup = {
  title: 'The machinery',
  commands: [
    {
      name: 'graph',
      summary: 'Look at the programs that run',
      children: [
        {
          name: 'dump',
          summary: 'Print a program as text, or write it as ONNX',
          examples: [['coin graph dump train --method moelora --to train.onnx', 'to look at in Netron']],
          load: () => import('../model/graph-dump.ts').then((file) => loaded(file.graphDump)),
        },
      ],
    },
    {
      name: 'nano',
      summary: 'The embedded model',
      children: [
        {
          name: 'pretrain',
          summary: 'Make the embedded model from nothing; run it again to continue',
          load: () => import('../model/nano-pretrain.ts').then((file) => loaded(file.nanoPretrain)),
        },
      ],
    },
    {
      name: 'completion',
      summary: 'Print a script with which the shell completes commands and options',
      examples: [
        ['source <(coin completion bash)', 'in ~/.bashrc; zsh likewise in ~/.zshrc'],
        ['coin completion fish | source', 'in config.fish'],
      ],
      load: () => import('./completion.ts').then((file) => loaded(file.completionOf(coin))),
    },
  ],
};

export const commandGroups: readonly CommandGroup[] = [runs, looks, questions, materials, machinery];

/** The command `coin` itself. */
export const coin: CommandEntry = {
  name: 'coin',
  summary: 'tunes a multimodal model task after task, and measures what it forgets',
  children: commandGroups.flatMap(({ commands }) => commands),
};
