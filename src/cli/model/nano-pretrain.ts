// `coin nano pretrain`: makes the embedded model from nothing, with this project's own engine.
import { defineCommand } from 'citty';
import { pretrainNano } from '../../nano/pretraining/pretrain.ts';

export const nanoPretrain = defineCommand({
  args: {
    to: { type: 'string', default: 'runs/nano-model', valueHint: 'FOLDER', description: 'gets the model' },
    work: {
      type: 'string',
      default: 'runs/nano-pretraining',
      valueHint: 'FOLDER',
      description: 'gets checkpoints',
    },
  },
  async run({ args }) {
    const started = performance.now();
    let last = 0;
    await pretrainNano({
      folder: args.to,
      workFolder: args.work,
      onTower: ({ patchAccuracy, boxError }) => {
        const share = (100 * patchAccuracy).toFixed(1);
        process.stdout.write(
          `tower: ${share} % of covered patches, box edges off by ${(100 * boxError).toFixed(1)} %\n`,
        );
      },
      onStep: (stage, { step, steps, loss }) => {
        const now = performance.now();
        if (now - last < 10_000 && step < steps) return;
        last = now;
        const minutes = ((now - started) / 60_000).toFixed(1);
        process.stdout.write(`${minutes} min  ${stage}  step ${step}/${steps}  loss ${loss.toFixed(4)}\n`);
      },
    });
    process.stdout.write(`${args.to}\n`);
  },
});
