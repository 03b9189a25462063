// `coin adapter convert`: any adapter that can be read, written as PEFT reads it. A LoRA's projector goes inside, so that
// PEFT loads it along; MoELoRA, which PEFT does not know, keeps it beside.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { defineCommand } from 'citty';
import {
  CONFIG_FILE,
  PROJECTOR_FILE,
  serializeAdapter,
  serializeProjector,
  WEIGHTS_FILE,
} from '../../adapters/peft.ts';
import { UserError } from '../../base/errors.ts';
import { writeFileAtomic } from '../../formats/files/files.ts';
import { families, locateModel, openModel } from '../../models/index.ts';
import { openModelAdapter } from '../../models/model-adapter.ts';
import { adapterFolder } from './adapter-folder.ts';

export const adapterConvert = defineCommand({
  args: {
    model: { type: 'positional', required: true, description: 'the model that it adapts: nano, or a folder' },
    adapter: { type: 'positional', required: true, description: "a folder: PEFT's, a run's or CoIN's" },
    to: { type: 'string', required: true, valueHint: 'FOLDER', description: 'a new folder for the adapter' },
  },
  run({ args }) {
    if (existsSync(args.to))
      throw new UserError({ file: args.to, message: 'exists already', hint: 'name a new folder' });
    const model = openModel(locateModel(args.model, families), { families });
    const { spec, values, alongside } = openModelAdapter(model, adapterFolder(args.adapter));
    const inside = spec.kind === 'lora';
    const files = serializeAdapter({
      spec,
      values,
      targets: model.shape,
      baseModel: args.model,
      ...(inside ? { projector: alongside } : {}),
    });
    writeFileAtomic(join(args.to, CONFIG_FILE), files[CONFIG_FILE]);
    writeFileAtomic(join(args.to, WEIGHTS_FILE), files[WEIGHTS_FILE]);
    const beside = !inside && alongside.size > 0;
    if (beside) writeFileAtomic(join(args.to, PROJECTOR_FILE), serializeProjector(alongside));
    const names = [CONFIG_FILE, WEIGHTS_FILE, ...(beside ? [PROJECTOR_FILE] : [])];
    process.stdout.write(`${args.to}: ${names.join(', ')}\n`);
  },
});
